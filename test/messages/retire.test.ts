import { describe, expect, it } from 'vitest';
import { retire } from '../../src/operations/retire.js';
import { rollout } from '../../src/operations/rollout.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { resultLine } from '../../src/presentation/result.js';
import { instanceId } from '../simulation/world/shape.js';
import { says } from './say.js';
import { request, Shop } from './world.js';

const yes = { confirm: (): Promise<boolean> => Promise.resolve(true) };
const never = { confirm: (): Promise<boolean> => Promise.reject(new Error('it asked')) };

/** A shop whose backend has the previous release on blue, warm. */
async function warm(): Promise<Shop> {
  const shop = await Shop.open({ strategy: 'blue-green' });
  expect(await shop.anna((box) => rollout(box, request()))).toMatchObject({ outcome: 'succeeded' });
  return shop;
}

/** Parameters of the environment, without those of the lock. */
const stored = (shop: Shop): ReadonlyMap<string, string> =>
  new Map([...shop.world.store.values].filter(([name]) => !/\/lease\//.test(name)));

const offline = (shop: Shop, number: number): void => {
  const host = shop.world.hosts.get(instanceId(number));
  if (host !== undefined) host.agent = 'offline';
};

describe('retire', () => {
  it('asks with what is given up, and a no changes nothing', async () => {
    const shop = await warm();
    const before = stored(shop);
    const asked: string[] = [];
    const confirm = (_: unknown, warnings: readonly string[]): Promise<boolean> => {
      asked.push(...warnings.map((text) => text.replace(/\(r-[\w-]+\)/, '(r-…)')));
      return Promise.resolve(false);
    };
    expect(await says('declined', 'retire', () => shop.anna((box) => retire(box, { confirm })))).toMatchInlineSnapshot(`
      "$ deployctl retire
      Error: not confirmed; nothing was changed

      Next:
        pass --yes to go on without being asked
      (exit 12)"
    `);
    expect(asked).toMatchInlineSnapshot(`
      [
        "stops backend on blue (r-…); a rollback to it then starts its containers first",
      ]
    `);
    expect(stored(shop)).toEqual(before);
  });

  it('with nothing on standby has nothing to do, does not ask, and leaves no history', async () => {
    for (const strategy of ['rolling', 'blue-green'] as const) {
      const shop = await Shop.open({ strategy });
      const before = stored(shop);
      const result = await shop.anna((box) => retire(box, never));
      expect(result).toMatchObject({ ok: true, outcome: 'nothing-to-do', exitCode: 0, services: [], next: [] });
      expect(result).not.toHaveProperty('rollout');
      expect(resultLine(result)).toBe('nothing to do: shop/sim has nothing in service on standby');
      expect(stored(shop)).toEqual(before);
    }
  });

  it('has something to do once', async () => {
    const shop = await warm();
    expect(await shop.anna((box) => retire(box, yes))).toMatchObject({ outcome: 'succeeded' });
    const before = stored(shop);
    expect(await shop.anna((box) => retire(box, never))).toMatchObject({ outcome: 'nothing-to-do' });
    expect(stored(shop)).toEqual(before);
  });

  it('does not say so of an instance that it cannot inspect', async () => {
    const shop = await Shop.open({ strategy: 'blue-green' });
    offline(shop, 2);
    const before = stored(shop);
    const act = (): Promise<unknown> => shop.anna((box) => retire(box, never));
    expect(await says('retire.unread', 'retire', act)).toMatchInlineSnapshot(`
      "$ deployctl retire
      Error: there is nothing to retire on the instances that can be inspected; what runs on web-02 (i-00000002) (its SSM agent is offline) is unknown. Nothing was changed

      Next:
        deployctl doctor --env sim   # why they do not answer
      (exit 12)"
    `);
    expect(stored(shop)).toEqual(before);
  });
});

it('after a rollout: an outage that is repaired meanwhile is told, and the traffic is back on the color that is healthy', async () => {
  const shop = await Shop.open({ strategy: 'blue-green', extras: ['cold'] });
  const { box } = shop.person('anna');
  const { balancer, shape } = shop.world;
  const { colors } = shape.services.find(({ name }) => name === 'backend') ?? {};
  if (colors === undefined) throw new Error('no backend');
  const told: string[] = [];
  const emit: Toolbox['emit'] = (event) => {
    told.push(event.type);
    if (event.type !== 'rollout.ended') return;
    // Another hand empties the color that has just been given all the traffic.
    const targets = [...(balancer.groups.get(colors.green.group)?.targets.values() ?? [])];
    balancer.deregister(colors.green.group, targets);
  };
  expect(await shop.run(() => rollout({ ...box, emit }, request()))).toMatchObject({ outcome: 'succeeded' });
  expect(told.slice(told.indexOf('rollout.ended'))).toEqual(expect.arrayContaining(['outage.started', 'outage.ended']));
  const weights = [...balancer.routes.values()].flatMap((route) => route.weights.get(colors.blue.group) ?? []);
  expect(weights.every((weight) => weight > 0)).toBe(true);
});
