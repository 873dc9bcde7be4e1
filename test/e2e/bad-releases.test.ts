import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { failed, openShop, rolloutTo } from './kit.js';

interface Result {
  readonly outcome: string;
  readonly serving: string;
  readonly reason: string;
}

const positive = (weights: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(weights).filter(([, weight]) => weight > 0));

/** One fleet that is given one bad release after the other, by both strategies, and serves 1.0.0 all the time. */
describe('a bad release undoes itself', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  const cases = [
    { image: 'never-healthy', strategy: 'blue-green', why: /health did not pass 3 times/, clean: true },
    { image: 'never-healthy', strategy: 'rolling', why: /health did not pass 3 times/, clean: true },
    { image: 'errors', strategy: 'blue-green', why: /check GET \/api\//, clean: true },
    { image: 'errors', strategy: 'rolling', why: /check GET \/api\//, clean: true },
    { image: 'crashes', strategy: 'blue-green', why: /ended|gone|unhealthy/, clean: false },
    { image: 'crashes', strategy: 'rolling', why: /ended|gone|unhealthy/, clean: false },
  ] as const;

  it.each(cases)('$image by $strategy: exit 10, and all is as it was', async ({ image, strategy, why, clean }) => {
    const before = failed(await shop.accessLog()).length;
    const weightsBefore = await shop.aws.weights('backend', shop.status);
    // Long enough for what dies some seconds after its start.
    const args = [...rolloutTo({ backend: image }, strategy), '--bake', '8s', '--json'];
    let result: Result | undefined;
    const load = await shop.underLoad(async () => {
      const { stdout } = await shop.run(10, args);
      result = JSON.parse(stdout) as Result;
    });
    expect(result).toMatchObject({ outcome: 'rolled-back' });
    expect(result?.reason).toMatch(why);
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
    await shop.idleIsDown('backend');
    const weights = await shop.aws.weights('backend', shop.status);
    // The idle group may have been added, without a weight.
    expect(positive(weights)).toEqual(positive(weightsBefore));

    // Whatever failed was sent to the bad release, and with a release that its checks keep from traffic nothing failed.
    const failures = failed(await shop.accessLog()).slice(before);
    const good = new Set<string | null>(
      Object.values(await shop.containers())
        .flat()
        .filter(({ state }) => state === 'running')
        .map(({ digest }) => digest),
    );
    expect(failures.filter(({ digest }) => good.has(digest))).toEqual([]);
    if (clean) expect(load.failures).toBe(0);
  });

  it('history says why, in a sentence', async () => {
    const { stdout } = await shop.run(0, ['history']);
    expect(stdout.match(/rollout rolled-back/g)).toHaveLength(cases.length);
    expect(stdout).toMatch(/health did not pass 3 times in a row/);
  });
});
