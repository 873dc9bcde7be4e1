// What a rollout costs as the fleet grows: calls, processor time, memory. On the simulator, with the adapters of src/aws and an account that refuses what is too fast.
import { execa } from 'execa';
import { build } from '../build.js';
import { table } from '../numbers.js';

const sizes = (process.env.BENCH_SIZES ?? '10,100,250,1000,10000').split(',').map(Number);
const strategies = ['rolling', 'blue-green'];

export async function measure() {
  const program = await build('growth/one');
  const runs = [];
  for (const strategy of strategies) {
    for (const size of sizes) {
      const { stdout } = await execa('node', [program, strategy, String(size)]);
      runs.push(JSON.parse(stdout));
      process.stderr.write(`growth: ${strategy}, ${String(size)} instances\n`);
    }
  }
  return { runs };
}

export const total = ({ calls }) => Object.values(calls).reduce((sum, count) => sum + count, 0);

export function tables({ runs }) {
  return strategies
    .map((strategy) => {
      const own = runs.filter((run) => run.strategy === strategy);
      const kinds = [...new Set(own.flatMap(({ calls }) => Object.keys(calls)))].sort();
      const row = (name, of) => [name, ...own.map(of)];
      const rows = [
        row('outcome', ({ outcome }) => outcome),
        row('calls', (run) => String(total(run))),
        row('calls an instance', (run) => (total(run) / run.instances).toFixed(1)),
        ...kinds.map((kind) => row(kind, ({ calls }) => String(calls[kind] ?? 0))),
        row('refused as too fast', ({ throttled }) => String(throttled)),
        row('of which somebody is told', ({ told }) => String(told.length)),
        row('processor time, s', ({ cpu }) => (cpu / 1000).toFixed(1)),
        row('wall time, s', ({ wall }) => (wall / 1000).toFixed(1)),
        row('peak memory, MB', ({ memory }) => String(Math.round(memory / 2 ** 20))),
        row('simulated time, s', ({ virtual }) => String(Math.round(virtual / 1000))),
      ];
      return `${strategy}, two services, 20 % at a time:\n\n${table(['instances', ...own.map(({ instances }) => String(instances))], rows)}`;
    })
    .join('\n\n');
}
