import { runIn } from '../growth/world.js';
import { takes } from '../../test/simulation/world/shape.js';
import { batchesOf, covered, spansOf } from './floor.js';

/** Of one rollout. Durations in ms. */
export interface Overhead {
  readonly strategy: string;
  readonly instances: number;
  readonly outcome: string;
  readonly total: number;
  readonly floor: number;
  readonly batches: number;
}

// The defaults of deployctl.yml, with a drain of 30 s and health checks that are 5 s apart.
Object.assign(takes, { deregistrationDelay: 30_000 });
const timing = { settle: 60_000, minHealthy: 10_000, bake: 120_000, poll: 2000, healthTimeout: 300_000 };

const [strategy = 'rolling', instances = '10'] = process.argv.slice(2);
const { world, outcome, began, ended } = await runIn({
  strategy: strategy === 'rolling' ? 'rolling' : 'blue-green',
  instances: Number(instances),
  maxParallel: { is: 'count', value: Math.max(1, Math.floor(Number(instances) / 5)) },
  timing,
  steps: [10, 50, 100],
});
const result: Overhead = {
  strategy,
  instances: Number(instances),
  outcome,
  total: ended - began,
  floor: covered(spansOf(world.trace, timing), began, ended),
  batches: batchesOf(world.trace),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
