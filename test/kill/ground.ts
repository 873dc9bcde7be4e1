import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { vi } from 'vitest';
import type { AccessEntry } from '../../src/sandbox/load-balancer/access-log.js';
import type { Color, Json, Service, Shop } from '../e2e/kit.js';
import { at, openShop, SERVICES } from '../e2e/kit.js';
import { inSets, openSets, SET_PORTS, setOf } from '../e2e/sets.js';
import type { Scenario } from './case.js';

const COLORS: readonly Color[] = ['blue', 'green'];
const PORTS: Readonly<Record<Service, Readonly<Record<Color, number>>>> = {
  backend: { blue: 8081, green: 8082 },
  frontend: { blue: 8091, green: 8092 },
};

/** A shop on which one rollout after the other is killed, and what is known of it without asking deployctl. */
export interface Ground {
  readonly shop: Shop;
  readonly layout: Scenario['layout'];
  /** Writes the shop's configuration anew. */
  configure(change: (file: Json) => void): Promise<unknown>;
  /** What serves, as the cases so far must have left it. */
  serving: Readonly<Record<Service, string>>;
  /** The last rollout that ended here, as the record has it. */
  lastRollout: string | undefined;
  /** Digests that turned out well. */
  readonly good: Set<string>;
  /** What is wrong with the fleet, seen from outside: traffic, targets, containers. Empty: nothing. */
  faults(): Promise<readonly string[]>;
  /** Entries of the access log that came since the last call. */
  requests(): Promise<readonly AccessEntry[]>;
}

/** A machine that is busy with several sandboxes is slow, and that says nothing of a release: these limits only end what hangs. */
const longest = 600_000;

/** Changes the shop's configuration for a rollout of these services. A release keeps the limits that it came with. */
export function configFor(fate: Scenario['fate'], services: readonly string[]): (file: Json) => void {
  return (file) => {
    const production = at(file, 'environments', 'production');
    // Short, and with room for a machine that stands still for some seconds: a lease has to last longer than a change may take, which is 10 s.
    production['lease'] = { ttl: '20s', heartbeat: '1s' };
    production['steps'] = [10, 100];
    Object.assign(at(production, 'timing'), {
      poll: '500ms',
      'health-timeout': '2m',
      'host-command': '3m',
      'pull-timeout': '3m',
    });
    for (const [name, service] of Object.entries(at(file, 'services'))) {
      const isIll = fate === 'never-healthy' && services.includes(name);
      at(service as Json, 'health')['start-timeout'] = isIll ? '3s' : '1m';
      // Whoever dies in a bake does it before the bake of the last step ends.
      at(service as Json, 'env')['CRASH_AFTER_MS'] = '4000';
    }
  };
}

export async function openGround(layout: Scenario['layout']): Promise<Ground> {
  const config = configFor('good', []);
  const shop =
    layout === 'ports' ? await openShop({ instances: 2, longest, config }) : await openSets({ longest, config });
  const served = new Map<Service, Set<string>>(SERVICES.map((service) => [service, new Set(['1.0.0'])]));
  const log = tail(join(shop.dir, 'sandbox', 'access.log'));
  const ground: Ground = {
    shop,
    layout,
    configure: (change) => shop.config(layout === 'ports' ? change : inSets(change)),
    serving: { backend: '1.0.0', frontend: '1.0.0' },
    lastRollout: undefined,
    good: new Set(),
    requests: log,
    faults: async () => {
      for (const service of SERVICES) served.get(service)?.add(ground.serving[service]);
      // Idle containers may be on their way out for a moment; what is wrong stays so.
      let found: readonly string[] = [];
      await vi
        .waitFor(async () => {
          found = await faultsOf(ground, served);
          if (found.length > 0) throw new Error(found.join('; '));
        }, 30_000)
        .catch((error: unknown) => {
          if (found.length === 0) throw error;
        });
      if (found.length === 0) await learn(ground);
      return found;
    },
  };
  try {
    const [first] = await ground.faults();
    if (first !== undefined) throw new Error(`before the first rollout: ${first}`);
  } catch (error) {
    await shop.dispose();
    throw error;
  }
  return ground;
}

const portOf = ({ layout }: Ground, service: Service, color: Color): number =>
  layout === 'ports' ? PORTS[service][color] : SET_PORTS[service];

const membersOf = ({ layout, shop }: Ground, color: Color): Shop['status']['instances'] =>
  layout === 'ports' ? shop.status.instances : setOf(shop, color);

async function faultsOf(ground: Ground, served: ReadonlyMap<Service, ReadonlySet<string>>): Promise<readonly string[]> {
  const { shop, serving } = ground;
  const found: string[] = [];
  const containers = await shop.containers();
  const accounted = new Set<string>();
  const running = (instance: string, port: number): string | undefined =>
    (containers[instance] ?? []).find(({ state, hostPorts }) => state === 'running' && hostPorts.includes(port))?.name;
  for (const service of SERVICES) {
    const weights = await shop.aws.weights(service, shop.status);
    const arnOf = (color: Color): string =>
      shop.status.targetGroups.find((group) => group.service === service && group.color === color)?.arn ?? '';
    const shares = COLORS.filter((color) => (weights[arnOf(color)] ?? 0) > 0);
    const [live] = shares;
    if (live === undefined || shares.length > 1) found.push(`${service}: weights ${JSON.stringify(weights)}`);
    for (const color of COLORS) {
      const port = portOf(ground, service, color);
      const what = `${service} ${color}${color === live ? '' : ' (idle)'}`;
      const versions = new Set<string>();
      const targets = await shop.aws.targets(arnOf(color));
      const keys: string[] = [];
      for (const { id, address } of membersOf(ground, color)) {
        const name = running(id, port);
        if (name === undefined) continue;
        keys.push(`${id}:${String(port)}`);
        accounted.add(`${id} ${name}`);
        versions.add(await versionAt(address, port));
      }
      // The color that serves: all of it. The idle one: nothing, or an earlier release that is whole.
      const members = membersOf(ground, color).length;
      if (keys.length !== (color === live || keys.length > 0 ? members : 0))
        found.push(`${what}: runs on ${keys.join(', ') || 'no instance'} only`);
      const wanted = Object.fromEntries(keys.map((key) => [key, 'healthy']));
      // What was idle is taken out of service before something new is started in its place, and stays out when it does not come to that.
      const isOut = color !== live && Object.keys(targets).length === 0;
      if (!isOut && !isEqual(targets, wanted))
        found.push(`${what}: targets ${JSON.stringify(targets)}, runs on ${keys.join(', ')}`);
      const allowed = color === live ? new Set([serving[service]]) : (served.get(service) ?? new Set());
      if (versions.size > 1 || [...versions].some((version) => !allowed.has(version)))
        found.push(`${what}: runs ${[...versions].join(' and ')}, wanted ${[...allowed].join(' or ')}`);
    }
  }
  for (const [id, all] of Object.entries(containers)) {
    for (const { name, state } of all) {
      if (state !== 'exited' && !accounted.has(`${id} ${name}`))
        found.push(`${id}: ${name} is ${state}, and serves nobody`);
    }
  }
  return found;
}

async function versionAt(address: string, port: number): Promise<string> {
  const answer = await request(`http://${address}:${String(port)}/health`);
  return ((await answer.body.json()) as { readonly version: string }).version;
}

/** Whatever runs where nothing is wrong is well. */
async function learn(ground: Ground): Promise<void> {
  for (const { state, digest } of Object.values(await ground.shop.containers()).flat()) {
    if (state === 'running') ground.good.add(digest);
  }
}

function isEqual(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** Reads on where it stopped. What is written at the moment of the call is read by the next one. */
function tail(file: string): () => Promise<readonly AccessEntry[]> {
  let from = 0;
  let rest = '';
  return async () => {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const bytes = Buffer.alloc(size - from);
      await handle.read(bytes, 0, bytes.length, from);
      from = size;
      const lines = (rest + bytes.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      return lines.map((line) => JSON.parse(line) as AccessEntry);
    } finally {
      await handle.close();
    }
  };
}
