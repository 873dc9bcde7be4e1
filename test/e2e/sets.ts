import { expect, vi } from 'vitest';
import type { Color, Json, Service, Shop, ShopOptions } from './kit.js';
import { at, openShop } from './kit.js';

/** The port of a service on every instance, in the layout of two sets. */
export const SET_PORTS: Readonly<Record<Service, number>> = { backend: 8081, frontend: 8091 };

/** Instances of a color: the first half of the fleet is blue. */
export function setOf(shop: Shop, color: Color): Shop['status']['instances'] {
  const half = shop.status.instances.length / 2;
  return color === 'blue' ? shop.status.instances.slice(0, half) : shop.status.instances.slice(half);
}

/** Changes deployctl.yml to two sets of instances on equal ports, and whatever else is wanted. */
export function inSets(change: (file: Json) => void): (file: Json) => void {
  return (file) => {
    const production = at(file, 'environments', 'production');
    production['layout'] = { tag: 'Color', blue: 'blue', green: 'green' };
    at(production, 'services', 'backend', 'green')['port'] = SET_PORTS.backend;
    at(production, 'services', 'frontend', 'green')['port'] = SET_PORTS.frontend;
    change(file);
  };
}

/** A shop of four instances in which blue and green are two sets, on equal ports. 1.0.0 serves from the blue set, nothing runs on the green one. */
export async function openSets(options: Pick<ShopOptions, 'config' | 'longest'> = {}): Promise<Shop> {
  const shop = await openShop({
    ...options,
    instances: 4,
    config: inSets(options.config ?? (() => undefined)),
  });
  try {
    for (const color of ['blue', 'green'] as const) {
      for (const { id } of setOf(shop, color)) await shop.aws.tag(id, 'Color', color);
    }
    // The fleet as its owner would have built it.
    const blue = shop.status.targetGroups.filter(({ color }) => color === 'blue');
    for (const { id } of setOf(shop, 'green')) {
      for (const { arn, service } of blue) await shop.aws.deregister(arn, id, SET_PORTS[service]);
    }
    await vi.waitFor(async () => {
      for (const { arn } of blue) expect(Object.keys(await shop.aws.targets(arn))).toHaveLength(2);
    }, 20_000);
    for (const { id } of setOf(shop, 'green')) await shop.aws.shell(id, 'docker rm -f $(docker ps -aq) >/dev/null');
  } catch (error) {
    await shop.dispose();
    throw error;
  }
  return shop;
}
