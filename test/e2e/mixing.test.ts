import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { expectClean, openShop, rolloutTo } from './kit.js';

/** One fleet of four through a week of releases, the load on all the time. Each step starts from what the last one left. */
describe('strategies follow each other on one environment, and no request fails', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 4 });
  });
  afterAll(() => shop.dispose());

  const both = (version: string) => ({ backend: version, frontend: version });
  const goes = async (code: number, args: readonly string[], version: string): Promise<void> => {
    expectClean(await shop.underLoad(() => shop.run(code, args)));
    await shop.serves(both(version));
  };

  it('rolling from what a person had started, in place', async () => {
    await goes(0, rolloutTo('1.1.0', 'rolling'), '1.1.0');
    expect(await shop.serves(both('1.1.0'))).toEqual({ backend: 'blue', frontend: 'blue' });
  });

  it('blue-green after rolling changes the color', async () => {
    await goes(0, rolloutTo('2.0.0', 'blue-green'), '2.0.0');
    expect(await shop.serves(both('2.0.0'))).toEqual({ backend: 'green', frontend: 'green' });
  });

  it('a rollback goes to what served before, by weights, within seconds', async () => {
    const began = performance.now();
    await goes(0, ['rollback', '--yes'], '1.1.0');
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await shop.serves(both('1.1.0'))).toEqual({ backend: 'blue', frontend: 'blue' });
  });

  it('a second rollback in a row is refused with the reason', async () => {
    const { stderr } = await shop.run(12, ['rollback', '--yes']);
    expect(stderr).toMatch(/rollback/);
    expect(stderr).toMatch(/--to|history|status/);
    await shop.serves(both('1.1.0'));
  });

  it('what serves already is nothing to do', async () => {
    const { stdout } = await shop.run(0, rolloutTo('1.1.0', 'blue-green'));
    expect(stdout).toMatch(/nothing to do/);
  });

  it('blue-green after a rollback', () => goes(0, rolloutTo('2.0.0', 'blue-green'), '2.0.0'));
  it('blue-green a second time in a row', () => goes(0, rolloutTo('1.0.0', 'blue-green'), '1.0.0'));
  it('blue-green a third time in a row', () => goes(0, rolloutTo('1.1.0', 'blue-green'), '1.1.0'));

  it('a release is not taken for well because its predecessor on that color was', async () => {
    await goes(10, rolloutTo({ backend: 'never-healthy' }, 'blue-green'), '1.1.0');
    await shop.idleIsDown('backend');
  });

  it('rolling after blue-green, one service alone', async () => {
    expectClean(await shop.underLoad(() => shop.run(0, rolloutTo({ backend: '2.0.0' }, 'rolling'))));
    await shop.serves({ backend: '2.0.0', frontend: '1.1.0' });
  });

  it('a rollback of a rolling rollout goes in place', async () => {
    await goes(0, ['rollback', '--yes'], '1.1.0');
  });
});
