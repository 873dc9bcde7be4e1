import { setMaxListeners } from 'node:events';
import type { EventBody } from '../../src/domain/event.js';
import type { Ms } from '../../src/domain/ids.js';
import type { EnvironmentSettings } from '../../src/domain/settings.js';
import { claimed } from '../../src/operations/begin.js';
import { rollout } from '../../src/operations/rollout.js';
import { resolveTopology } from '../../src/operations/topology.js';
import { Process } from '../../test/simulation/process.js';
import type { Scenario } from '../../test/simulation/scenario.js';
import { settingsOf, worldOf } from '../../test/simulation/scenario.js';
import type { World } from '../../test/simulation/world/world.js';
import { openAccount } from './account.js';
import type { Quotas } from './quotas.js';

const registry = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const longest: Ms = 8 * 3600_000;

/** A rollout of both services of the shop, in the simulated world. */
export interface Wish {
  readonly strategy: Scenario['strategy'];
  readonly instances: number;
  readonly maxParallel: EnvironmentSettings['maxParallel'];
  readonly timing: Partial<EnvironmentSettings['timing']>;
  /** 10, 100 when left out. */
  readonly steps?: readonly number[];
}

/** How it went. `began`, `ended`: on the world's time. */
export interface Went {
  readonly world: World;
  readonly quotas: Quotas;
  readonly outcome: string;
  /** What somebody is told of calls that failed. */
  readonly told: readonly string[];
  readonly began: Ms;
  readonly ended: Ms;
}

export async function runIn({ strategy, instances, maxParallel, timing, steps = [10, 100] }: Wish): Promise<Went> {
  const scenario: Scenario = {
    strategy,
    layout: 'ports',
    change: 'both',
    fleet: instances,
    fate: 'good',
    before: 'released',
    seed: 1,
  };
  const world = await worldOf(scenario);
  const small = settingsOf(scenario);
  const settings: EnvironmentSettings = {
    ...small,
    maxParallel,
    steps,
    timing: { ...small.timing, ...timing, rolloutDeadline: longest },
  };
  const process = new Process({ world, name: 'bench', machine: 'bench' });
  setMaxListeners(0, process.stop.signal);
  const { box, quotas } = openAccount(process, settings);
  const told: string[] = [];
  const emit = (event: EventBody): void => {
    if (event.type === 'action.failed') told.push(`${event.text}: ${event.why}`);
    if (event.type === 'note' && event.level === 'warning') told.push(event.text);
  };
  const images = new Map(
    settings.services.map(({ name }) => [name, { repository: `${registry}/shop/${name}`, tag: 'new' }]),
  );
  virtualTimers(world.timeline);
  // What is released has been claimed: by an earlier rollout.
  let isClaimed = false;
  const claims = resolveTopology(box)
    .then((topology) => box.state.claim(claimed(box, topology)))
    .then(() => (isClaimed = true));
  await world.timeline.drive(() => isClaimed, longest);
  await claims;
  const began = world.timeline.now;
  let outcome: string | undefined;
  const confirm = (): Promise<boolean> => Promise.resolve(true);
  const work = rollout({ ...box, emit }, { images, options: {}, lockWait: 0, confirm }).then(
    (result) => (outcome = result.outcome === 'succeeded' ? 'succeeded' : `${result.outcome}: ${result.reason}`),
    (error: unknown) => (outcome = error instanceof Error ? error.message : String(error)),
  );
  await world.timeline.drive(() => outcome !== undefined, longest);
  await work;
  return { world, quotas, outcome: outcome ?? 'not over', told, began, ended: world.timeline.now };
}

/** The time limits of calls run on the world's time too. */
function virtualTimers(timeline: { after(delay: number, run: () => void): { run: (() => void) | undefined } }): void {
  globalThis.setTimeout = ((run: (...args: unknown[]) => void, delay = 0, ...args: unknown[]) =>
    timeline.after(delay, () => run(...args))) as unknown as typeof globalThis.setTimeout;
  globalThis.clearTimeout = ((due: { run: (() => void) | undefined } | undefined) => {
    if (due !== undefined) due.run = undefined;
  }) as unknown as typeof globalThis.clearTimeout;
}
