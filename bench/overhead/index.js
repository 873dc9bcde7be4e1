// What a rollout takes beyond the time that the world and the configuration take, on the simulator: by its log, and by code that knows nothing of the engine.
import { execa } from 'execa';
import { build } from '../build.js';
import { table } from '../numbers.js';

const runs = ['rolling', 'blue-green'].flatMap((strategy) => [2, 4, 10, 30].map((size) => ({ strategy, size })));

export async function measure() {
  const program = await build('overhead/one');
  const found = [];
  for (const { strategy, size } of runs) {
    const { stdout } = await execa('node', [program, strategy, String(size)]);
    found.push(JSON.parse(stdout));
  }
  return { runs: found };
}

export function tables({ runs: found }) {
  const seconds = (ms) => (ms / 1000).toFixed(1);
  return table(
    ['strategy', 'instances', 'outcome', 'total, s', 'floor, s', 'total / floor', 'batches', 'own seconds a batch'],
    found.map(({ strategy, instances, outcome, total, floor, batches }) => [
      strategy,
      String(instances),
      outcome,
      seconds(total),
      seconds(floor),
      (total / floor).toFixed(3),
      String(batches),
      seconds((total - floor) / batches),
    ]),
  );
}
