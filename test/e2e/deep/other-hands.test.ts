import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AccessEntry } from '../../../src/sandbox/load-balancer/access-log.js';
import type { Color, Service, Shop } from '../kit.js';
import { at, expectClean, failed, openShop, rolloutTo } from '../kit.js';
import { openSets, SET_PORTS, setOf } from '../sets.js';

/** Somebody else at the load balancer and on the instances while deployctl is at work, or before. */

const groupOf = (shop: Shop, service: Service, color: Color): string =>
  shop.status.targetGroups.find((group) => group.service === service && group.color === color)?.arn ?? '';

/** Weights of blue and green of a service, set as `terraform apply` would. */
async function weigh(shop: Shop, service: Service, blue: number, green: number): Promise<void> {
  const actions = await shop.aws.actions(service, shop.status);
  await shop.aws.setActions(
    service,
    shop.status,
    actions.map((action) =>
      action.Type === 'forward'
        ? {
            Type: 'forward' as const,
            ForwardConfig: {
              TargetGroups: [
                { TargetGroupArn: groupOf(shop, service, 'blue'), Weight: blue },
                { TargetGroupArn: groupOf(shop, service, 'green'), Weight: green },
              ],
            },
          }
        : action,
    ),
  );
}

/** Milliseconds from the first to the last request that failed. */
function spanOf(entries: readonly AccessEntry[]): number {
  const times = entries.map(({ time }) => Date.parse(time)).sort((a, b) => a - b);
  return (times.at(-1) ?? 0) - (times[0] ?? 0);
}

/**
 * The longest that requests may fail after another hand's change: until the load balancer's own checks and its lag show it (up to 3 s at this scale), two observations of
 * 250 ms, the write, and its own lag.
 */
const LONGEST = 6000;

describe('weights and targets that somebody else changes in mid-rollout', () => {
  let shop: Shop;
  beforeEach(async () => {
    shop = await openShop({
      instances: 3,
      config: (file) => {
        at(file, 'environments', 'production', 'timing')['bake'] = '4s';
      },
    });
  });
  afterEach(() => shop.dispose());

  it('all traffic on the standby color while it is emptied: it comes back at once, and the rollout goes on', async () => {
    await shop.run(0, rolloutTo({ backend: '1.1.0' }, 'blue-green'));
    const load = shop.load();
    const running = shop.start(rolloutTo({ backend: '2.0.0' }, 'blue-green'));
    await running.until(/deregister .* from backend blue/);
    await weigh(shop, 'backend', 100, 0);
    const { code, stderr, transcript } = await running.done;
    await load.stop();
    expect(code, transcript).toBe(0);
    expect(stderr).toMatch(/outage: blue gets 100% of the traffic and has no healthy target; all of it moves to green/);
    expect(stderr).toMatch(/outage over after/);
    expect(spanOf(failed(await shop.accessLog()))).toBeLessThan(LONGEST);
    await shop.serves({ backend: '2.0.0', frontend: '1.0.0' });
  });

  it('all targets of the live color taken out during a canary: the traffic moves to the new release', async () => {
    const load = shop.load();
    const running = shop.start(rolloutTo({ backend: '1.1.0' }, 'blue-green', '--steps', '10,100'));
    await running.until(/10% of the traffic goes to green/);
    for (const { id } of shop.status.instances) await shop.aws.deregister(groupOf(shop, 'backend', 'blue'), id, 8081);
    const { code, stderr, transcript } = await running.done;
    await load.stop();
    expect(code, transcript).toBe(0);
    expect(stderr).toMatch(/backend: blue has no healthy target, its traffic moves to green/);
    expect(spanOf(failed(await shop.accessLog()))).toBeLessThan(LONGEST);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
  });

  it('weights that no step explains, with both colors well: nothing is changed, and the end says who must decide', async () => {
    await shop.run(0, rolloutTo({ backend: '1.1.0' }, 'blue-green'));
    const load = shop.load();
    const running = shop.start(rolloutTo({ backend: '2.0.0' }, 'rolling'));
    await running.until(/start backend 2\.0\.0/);
    await weigh(shop, 'backend', 30, 70);
    const { code, stderr, transcript } = await running.done;
    expectClean(await load.stop());
    expect(code, transcript).toBe(14);
    expect(stderr).toMatch(/another hand changed them/);
    await shop.run(0, ['rollback', '--yes']);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
  });
});

describe('two sets of instances', () => {
  it('both instances of the standby color are terminated at 50%: the traffic is back at once, and so is the rollout', async () => {
    const shop = await openSets({
      config: (file) => {
        at(file, 'environments', 'production', 'timing')['bake'] = '10s';
      },
    });
    try {
      const load = shop.load();
      const running = shop.start(rolloutTo({ backend: '1.1.0' }, 'blue-green', '--steps', '50,100'));
      await running.until(/50% of the traffic goes to green/);
      for (const { id } of setOf(shop, 'green')) await shop.fault('instance-terminate', '--instance', id);
      const { code, transcript, ms } = await running.done;
      await load.stop();
      expect(code, transcript).toBe(10);
      expect(ms).toBeLessThan(60_000);
      expect(spanOf(failed(await shop.accessLog()))).toBeLessThan(LONGEST);
      const targets = await shop.aws.targets(groupOf(shop, 'backend', 'blue'));
      expect(targets).toEqual(
        Object.fromEntries(setOf(shop, 'blue').map(({ id }) => [`${id}:${String(SET_PORTS.backend)}`, 'healthy'])),
      );
    } finally {
      await shop.dispose();
    }
  });
});

describe('a fleet on which nothing serves any more', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    await shop.run(0, rolloutTo('1.1.0', 'rolling'));
  });
  afterAll(() => shop.dispose());

  const stopAll = async (then = 'true'): Promise<void> => {
    for (const { id } of shop.status.instances) await shop.aws.shell(id, `docker stop -t 1 $(docker ps -q) && ${then}`);
    await vi.waitFor(async () => {
      const states = Object.values(await shop.aws.targets(groupOf(shop, 'backend', 'blue')));
      expect(states).not.toContain('healthy');
    }, 15_000);
  };

  it.each(['blue-green', 'rolling'] as const)(
    'a bad release by %s: the previous one is started again before it is said to serve',
    async (strategy) => {
      await stopAll();
      const { stderr } = await shop.run(10, rolloutTo('crashes', strategy));
      expect(stderr).toMatch(/no healthy target/);
      await shop.serves({ backend: '1.1.0', frontend: '1.1.0' });
    },
  );

  it('a bad release, and nothing of the previous one that could be started: that needs somebody, and nothing is said to serve', async () => {
    await stopAll('docker rm $(docker ps -aq) && docker rmi -f $(docker images -q)');
    await shop.fault('image-gone', '--image', 'shop/backend:1.1.0');
    await shop.fault('image-gone', '--image', 'shop/frontend:1.1.0');
    const { stderr } = await shop.run(11, rolloutTo('crashes', 'blue-green'));
    expect(stderr).not.toMatch(/serves again|rolled back: /);
    await shop.clearFaults();
    await shop.run(0, rolloutTo('1.0.0', 'blue-green'));
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });
});

describe('a rule that the pair shares with a group of somebody else', () => {
  it('weight 1 beside weight 1: the steps are told apart, the other share stays, and the plan is short', async () => {
    const shop = await openShop({ instances: 2 });
    try {
      const other = await shop.aws.createGroup('somebody-else', 9000);
      const tuple = (arn: string, weight: number): { TargetGroupArn: string; Weight: number } => ({
        TargetGroupArn: arn,
        Weight: weight,
      });
      const [blue, green] = [groupOf(shop, 'backend', 'blue'), groupOf(shop, 'backend', 'green')];
      await shop.aws.setActions('backend', shop.status, [
        { Type: 'forward', ForwardConfig: { TargetGroups: [tuple(blue, 1), tuple(other, 1)] } },
      ]);
      const args = rolloutTo({ backend: '1.1.0' }, 'blue-green', '--steps', '10,100');
      const { stdout } = await shop.run(0, ['plan', ...args.slice(2)]);
      expect(stdout.split('\n').length).toBeLessThan(40);
      const running = shop.start(args);
      await running.until(/10% of the traffic goes to green/);
      expect(await shop.aws.weights('backend', shop.status)).toEqual({ [blue]: 90, [green]: 10, [other]: 100 });
      const { code, transcript } = await running.done;
      expect(code, transcript).toBe(0);
      expect(await shop.aws.weights('backend', shop.status)).toEqual({ [blue]: 0, [green]: 1, [other]: 1 });
      await shop.run(0, ['rollback', '--yes']);
      expect(await shop.aws.weights('backend', shop.status)).toEqual({ [blue]: 1, [green]: 0, [other]: 1 });
    } finally {
      await shop.dispose();
    }
  });
});
