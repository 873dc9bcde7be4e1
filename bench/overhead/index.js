// What a rollout takes beyond the time that the world and the configuration take, by the log of the world and by code that knows nothing of the engine:
// on the simulator, where the machine does not count, and on the sandbox, where processes, calls and the machine do.
import { execa } from 'execa';
import { join } from 'node:path';
import { build } from '../build.js';
import { table } from '../numbers.js';
import { underLoad, withShop } from '../shop.js';

const strategies = ['rolling', 'blue-green'];
const sizes = [2, 4, 10, 30];
/** AWS seconds: the defaults of deployctl.yml but for the bake, which is nothing but waiting; one run has the default one. */
const asked = { drain: 30, settle: 60, minHealthy: 10, bake: 30, poll: 2 };
const withDefaultBake = { strategy: 'blue-green', size: 10, bake: 120 };
/** A rollout's own seconds are not scaled, so that they count as often as the time is faster; rolling lasts longer and bears more. */
const scales = { rolling: 4, 'blue-green': 2 };

export async function measure({ quick }) {
  const runs = strategies.flatMap((strategy) => (quick ? [4] : sizes).map((size) => ({ strategy, size })));
  const program = await build('overhead/one');
  const simulated = [];
  for (const { strategy, size } of runs) {
    const { stdout } = await execa('node', [program, strategy, String(size)]);
    simulated.push(JSON.parse(stdout));
  }
  process.stderr.write('overhead: the simulator is done\n');
  const reader = await build('overhead/sandbox');
  const found = [];
  for (const { strategy, size, bake = asked.bake } of quick ? runs : [...runs, withDefaultBake]) {
    found.push(await onSandbox(reader, strategy, size, bake));
    process.stderr.write(`overhead: ${strategy}, ${String(size)} instances on the sandbox\n`);
  }
  return { runs: simulated, sandbox: found };
}

function settings(scale, bake, production) {
  const scaled = (seconds) => `${String((seconds * 1000) / scale)}ms`;
  Object.assign(production, { steps: [10, 50, 100] });
  Object.assign(production.timing, {
    settle: scaled(asked.settle),
    'min-healthy': scaled(asked.minHealthy),
    bake: scaled(bake),
    poll: scaled(asked.poll),
    'health-timeout': '5m',
    'host-command': '5m',
    'pull-timeout': '5m',
  });
}

/** The backend alone moves: processes of the shop share the machine's memory. */
function onSandbox(reader, strategy, instances, bake) {
  const scale = scales[strategy];
  const config = (_, production) => settings(scale, bake, production);
  return withShop({ instances, scale, drain: asked.drain, config }, async (shop) => {
    const parallel = ['--max-parallel', String(Math.max(1, Math.floor(instances / 5)))];
    const args = ['rollout', '--backend', '1.1.0', '--strategy', strategy, '--yes'];
    const began = Date.now();
    const { ms, load } = await underLoad(shop, () =>
      shop.deployctl(strategy === 'rolling' ? [...args, ...parallel] : args),
    );
    const { settle, minHealthy } = asked;
    const run = {
      log: join(shop.stateDir, 'events.log'),
      scale,
      began,
      ended: began + ms,
      demands: { settle: settle * 1000, minHealthy: minHealthy * 1000, bake: bake * 1000 },
    };
    const { stdout } = await execa('node', [reader, JSON.stringify(run)]);
    const outcome = load.failures === 0 ? 'succeeded' : `${String(load.failures)} requests failed`;
    return { strategy, instances, bake, scale, outcome, ...JSON.parse(stdout) };
  });
}

export function tables({ runs, sandbox }) {
  const seconds = (ms) => (ms / 1000).toFixed(1);
  const of = (found) =>
    table(
      [
        'strategy',
        'instances',
        'bake, s',
        'outcome',
        'total, s',
        'floor, s',
        'total / floor',
        'batches',
        'own seconds a batch',
      ],
      found.map(({ strategy, instances, outcome, total, floor, batches, bake = 120, scale = 1 }) => [
        strategy,
        String(instances),
        String(bake),
        outcome,
        seconds(total),
        seconds(floor),
        (total / floor).toFixed(3),
        String(batches),
        seconds((total - floor) / scale / batches),
      ]),
    );
  return `On the simulator:\n\n${of(runs)}\n\nOn the sandbox under load, rolling ${String(scales.rolling)} and blue-green ${String(scales['blue-green'])} times faster than AWS, in seconds of AWS. What processes and this machine take is not scaled, and counts that often in the ratio; the own seconds are real ones:\n\n${of(sandbox)}`;
}
