// What a rollout costs as the fleet grows: calls, processor time, memory. On the simulator, with the adapters of src/aws and an account that refuses what is
// too fast; and on the sandbox, as far as one machine goes.
import { execa } from 'execa';
import { build } from '../build.js';
import { table } from '../numbers.js';
import { underLoad, withShop } from '../shop.js';

const sizes = [10, 100, 250, 1000, 10_000];
const onOneMachine = [10, 50];
const SCALE = 10;
const strategies = ['rolling', 'blue-green'];

export async function measure({ quick }) {
  const program = await build('growth/one');
  const runs = [];
  const sandbox = [];
  for (const strategy of strategies) {
    for (const size of quick ? sizes.slice(0, 2) : sizes) {
      const { stdout } = await execa('node', [program, strategy, String(size)]);
      runs.push(JSON.parse(stdout));
      process.stderr.write(`growth: ${strategy}, ${String(size)} instances\n`);
    }
  }
  for (const size of quick ? onOneMachine.slice(0, 1) : onOneMachine) {
    sandbox.push(await onSandbox(size));
    process.stderr.write(`growth: rolling, ${String(size)} instances on the sandbox\n`);
  }
  return { runs, sandbox };
}

/** A rolling rollout of the backend, a fifth at a time, by the built CLI as a process of its own. */
function onSandbox(instances) {
  const config = (file, production) => {
    Object.assign(production.timing, { 'health-timeout': '5m', 'host-command': '5m', 'pull-timeout': '5m' });
  };
  return withShop({ instances, scale: SCALE, drain: 30, config }, async (shop) => {
    const before = (await shop.get('calls')).counts;
    const args = ['rollout', '--backend', '1.1.0', '--strategy', 'rolling', '--max-parallel', '20%', '--yes', '--json'];
    let used;
    const { ms, load } = await underLoad(shop, async () => {
      used = await shop.deployctl(args, { env: { ...shop.env, NODE_OPTIONS: `--import=${usage}` } });
    });
    const after = (await shop.get('calls')).counts;
    const { cpu, memory } = JSON.parse(/^usage (.*)$/m.exec(used.stderr)?.[1] ?? '');
    return {
      strategy: 'rolling',
      instances,
      outcome: load.failures === 0 ? JSON.parse(used.stdout).outcome : `${String(load.failures)} requests failed`,
      calls: Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)])),
      wall: ms,
      cpu,
      memory,
    };
  });
}

/** Loaded into the CLI's own process: what it used is its last line on stderr. */
const usage = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync } from 'node:fs';
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    const memory = Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    process.stderr.write('usage ' + JSON.stringify({ cpu: (user + system) / 1000, memory }) + '\\n');
  });`)}`;

export const total = ({ calls }) => Object.values(calls).reduce((sum, count) => sum + count, 0);

export function tables({ runs, sandbox }) {
  const parts = strategies.map((strategy) => {
    const own = runs.filter((run) => run.strategy === strategy);
    return `${strategy}, two services, 20 % at a time:\n\n${costs(own, [
      ['refused as too fast', ({ throttled }) => String(throttled)],
      ['of which somebody is told', ({ told }) => String(told.length)],
      ['simulated time, s', ({ virtual }) => String(Math.round(virtual / 1000))],
    ])}\n\nCall kinds that grew faster than the fleet, by more than a tenth: ${faster(own).join(', ') || 'none'}.`;
  });
  return [
    ...parts,
    `On the sandbox, ${String(SCALE)} times faster than AWS and under load: rolling, one service, 20 % at a time:\n\n${costs(sandbox, [])}`,
  ].join('\n\n');
}

/** Kinds of calls of which an instance has more in a larger fleet than in the next smaller one. A handful is no trend, nor is one tick more or less. */
function faster(own) {
  const [handful, tolerance] = [10, 1.1];
  return own.slice(1).flatMap((run, index) => {
    const before = own[index];
    const times = run.instances / before.instances;
    return Object.entries(run.calls)
      .filter(([kind, count]) => count > handful && count > (before.calls[kind] ?? 0) * times * tolerance)
      .map(([kind]) => `${kind} (${String(before.instances)} to ${String(run.instances)})`);
  });
}

function costs(own, more) {
  const kinds = [...new Set(own.flatMap(({ calls }) => Object.keys(calls)))].sort();
  const row = (name, of) => [name, ...own.map(of)];
  const rows = [
    row('outcome', ({ outcome }) => outcome),
    row('calls', (run) => String(total(run))),
    row('calls an instance', (run) => (total(run) / run.instances).toFixed(1)),
    ...kinds.map((kind) => row(kind, ({ calls }) => String(calls[kind] ?? 0))),
    row('processor time, s', ({ cpu }) => (cpu / 1000).toFixed(1)),
    row('wall time, s', ({ wall }) => (wall / 1000).toFixed(1)),
    row('peak memory, MB', ({ memory }) => String(Math.round(memory / 2 ** 20))),
    ...more.map(([name, of]) => row(name, of)),
  ];
  return table(['instances', ...own.map(({ instances }) => String(instances))], rows);
}
