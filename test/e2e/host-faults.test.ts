import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { expectClean, openShop, rolloutTo, RUNTIME } from './kit.js';

/** Machines, engines and the registry at their worst: what serves goes on serving, and the reason is in the words of what failed. */
describe('faults below AWS', () => {
  let shop: Shop;
  let first: string;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    first = shop.status.instances[0]?.id ?? '';
  });
  afterEach(() => shop.clearFaults());
  afterAll(() => shop.dispose());

  const both = (version: string) => ({ backend: version, frontend: version });
  /** The rollout ends with one of the codes, says why, and no request notices. */
  const ends = async (codes: readonly number[], args: readonly string[], why: RegExp): Promise<void> => {
    expectClean(
      await shop.underLoad(async () => {
        const { code, transcript } = await shop.cli(args);
        expect(codes, transcript).toContain(code);
        expect(transcript).toMatch(why);
      }),
    );
    await shop.clearFaults();
    await shop.serves(both('1.0.0'));
  };

  it('a registry that refuses is a refusal before any change', async () => {
    await shop.fault('registry-denied');
    await ends([12], rolloutTo('1.1.0', 'rolling'), /token has expired/);
  });

  it('so is one that is down', async () => {
    await shop.fault('registry-down');
    await ends([12], rolloutTo('1.1.0', 'blue-green'), /connection refused/);
  });

  it('a port that something else has keeps the new color from traffic', async () => {
    await shop.fault('port-taken', '--instance', first, '--port', '8082');
    await ends([10, 12], rolloutTo({ backend: '1.1.0' }, 'blue-green'), /8082/);
  });

  it('a new container that the kernel kills during the bake brings the old release back', async () => {
    const running = shop.start([...rolloutTo({ backend: '2.0.0' }, 'blue-green'), '--bake', '20s', '--json']);
    await running.until(/bak/i);
    const fresh = (await shop.containers())[first]?.find(
      ({ hostPorts, state }) => hostPorts.includes(8082) && state === 'running',
    );
    await shop.fault('oom-kill', '--instance', first, '--container', fresh?.name ?? 'none');
    const { code, transcript } = await running.done;
    expect(code, transcript).toBe(10);
    expect(transcript).toMatch(/restart|ended|memory|unhealthy/);
    await shop.serves(both('1.0.0'));
  });

  it('a slow registry is a slow rollout', async () => {
    await shop.fault('registry-slow', '--ms', '700');
    expectClean(await shop.underLoad(() => shop.run(0, rolloutTo({ frontend: '1.1.0' }, 'rolling'))));
    await shop.clearFaults();
    expectClean(await shop.underLoad(() => shop.run(0, rolloutTo({ frontend: '1.0.0' }, 'rolling'))));
    await shop.serves(both('1.0.0'));
  });

  describe.skipIf(RUNTIME === 'process')('with real engines', () => {
    it('a full disk', async () => {
      await shop.fault('disk-full', '--instance', first);
      await ends([10, 12], rolloutTo('2.0.0', 'blue-green'), /space|disk/i);
    });

    it('an instance whose network is cut', async () => {
      await shop.fault('network-cut', '--instance', first);
      const { code, transcript } = await shop.cli(rolloutTo('2.0.0', 'blue-green'));
      expect(code, transcript).toBe(12);
      expect(transcript).toContain(first);
    });

    it('a dead engine is a refusal that names the instance', async () => {
      await shop.fault('docker-kill', '--instance', first);
      const { code, transcript } = await shop.cli(rolloutTo('2.0.0', 'blue-green'));
      expect(code, transcript).toBe(12);
      expect(transcript).toMatch(/docker does not answer|docker daemon/i);
      expect(transcript).toContain(first);
    });
  });
});
