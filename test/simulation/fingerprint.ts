import { z } from 'zod';
import { unpack } from '../../src/state/codec.js';
import type { Host } from './world/docker.js';
import type { World } from './world/world.js';

const leaseShape = z.object({ released: z.boolean(), beat: z.number(), holder: z.object({ host: z.string() }) });
const recordShape = z.looseObject({ id: z.string() });
const outcomeShape = z.object({ kind: z.string(), outcome: z.string() });

/** What a record says that a process which finds it does not decide by. */
const beside = new Set(['id', 'generation', 'by', 'startedAt', 'deadline', 'phase', 'waits', 'reason', 'endedAt']);

/**
 * What a process leaves that dies now, in one line: two worlds with the same line have the same future, but for the moments at which things happen.
 * Names given by chance are left out, and moments; of what is under way it says since when, in whole seconds.
 */
export class Fingerprints {
  readonly #world: World;
  #taken = '';
  #last = '';
  #stored: { readonly version: number; readonly text: string } | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  now(): string {
    const { version, store, commands, timeline } = this.#world;
    const taken = [version, store.version, commands.version, Math.floor(timeline.now / 500)].join();
    if (taken === this.#taken) return this.#last;
    if (this.#stored?.version !== store.version) this.#stored = { version: store.version, text: storedIn(this.#world) };
    [this.#taken, this.#last] = [taken, `${standingIn(this.#world)}\n${this.#stored.text}`];
    return this.#last;
  }
}

function standingIn(world: World): string {
  const { balancer, timeline } = world;
  const parts: string[] = [];
  for (const host of world.hosts.values()) parts.push(hostOf(host));
  for (const group of balancer.groups.values()) {
    const targets = [...group.targets.values()].map(({ key, state, on, fails, passes, drain }) => {
      const left = state === 'draining' && drain !== undefined ? Math.ceil((drain.at - timeline.now) / 1000) : '';
      return `${key} ${state} ${on.map(Number).join('')} ${String(fails)}${String(Math.min(passes, 2))} ${String(left)}`;
    });
    parts.push(`${group.arn}: ${targets.join(', ')}`);
  }
  for (const { arn, weights, sticky, heard, bound } of balancer.routes.values()) {
    const nodes = heard.map((node) => `${weightsOf(node.weights)}${node.sticky ? ' sticky' : ''}`).join(' ');
    parts.push(
      `${arn} ${weightsOf(weights)} ${String(sticky.enabled)} heard ${nodes} bound ${[...bound.keys()].join()}`,
    );
  }
  parts.push(`under way ${[...world.commands.open()].sort().join(', ')}`, `dying ${world.dying().join()}`);
  return parts.join('\n');
}

function hostOf(host: Host): string {
  const boxes = [...host.boxes]
    .sort((a, b) => a.endedAt - b.endedAt || a.startedAt - b.startedAt)
    .map(
      ({ service, color, release, digest, status, restart, witnessed, everWell, restartCount }) =>
        `${service} ${color} ${release === undefined ? 'found' : 'ours'} ${digest.slice(7, 9)} ${status} ${[restart, witnessed, everWell].map(Number).join('')}${String(restartCount)}`,
    );
  const images = [...host.images].map((digest) => digest.slice(7, 9)).sort();
  const tasks = [...host.tasks.values()].join();
  return `${host.id} ${host.alive ? host.agent : 'gone'} ${boxes.join(', ')} images ${images.join()} tasks ${tasks} queue ${String(host.queue.length)}`;
}

const weightsOf = (weights: ReadonlyMap<string, number>): string =>
  [...weights].map(([group, weight]) => `${group}=${String(weight)}`).join();

/** What Parameter Store holds, as far as somebody decides by it. */
function storedIn({ store }: World): string {
  const names = [...store.values.keys()].sort();
  const read = <T>(name: string | undefined, shape: z.ZodType<T>): T | undefined => {
    const value = name === undefined ? undefined : store.values.get(name);
    return value === undefined ? undefined : shape.parse(JSON.parse(unpack(value)));
  };
  const below = (part: string): readonly string[] => names.filter((name) => name.includes(`/${part}/`));
  const newest = below('lease').toSorted((a, b) => numberOf(b) - numberOf(a))[0];
  const lease = read(newest, leaseShape);
  const held =
    lease === undefined ? 'none' : lease.released ? 'released' : `${lease.holder.host} ${String(lease.beat > 0)}`;
  const records = below('rollouts').map((name) => {
    const entries = Object.entries(read(name, recordShape) ?? {}).filter(([key]) => !beside.has(key));
    return JSON.stringify(entries)
      .replace(/(r|ro|adopted)-\d{8}-\d{6}-[0-9a-f]{4}/g, '$1')
      .replace(/"epoch":\d+/g, '');
  });
  const outcomes = below('outcomes').map((name) => {
    const outcome = read(name, outcomeShape);
    return `${outcome?.kind ?? ''} ${outcome?.outcome ?? ''}`;
  });
  const counts = ['claims', 'releases'].map((part) => `${part} ${String(below(part).length)}`);
  return [`lease ${held}`, ...records, ...outcomes, ...counts].join('\n');
}

const numberOf = (name: string): number => Number(name.split('/').at(-1));
