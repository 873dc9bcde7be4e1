// The main job, on the sandbox, in three minutes: two rollouts, a manual rollback, and a bad release that undoes itself, under live traffic.
// Exits 0 only if every step ended as it should and no request failed. Run by `npm run demo`, which builds first.
import { execa } from 'execa';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runLoad } from '../dist/sandbox/load/index.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cli = join(root, 'bin', 'run.js');
const config = join(root, 'examples', 'shop', 'deployctl.yml');
const RATE = 200;

const steps = [
  {
    name: 'rolling rollout',
    story:
      'Both services move to 1.1.0 in place, two of four instances at a time.\nEach is drained, swapped, checked, and comes back before the next one leaves.',
    args: ['rollout', '--backend', '1.1.0', '--frontend', '1.1.0', '--strategy', 'rolling'],
    wanted: 0,
  },
  {
    name: 'blue-green rollout',
    story:
      '2.0.0 comes up on the idle color, out of traffic. Then 10, 50, 100 % of the traffic\nmove over, each step watched. The old color stays warm as the way back.',
    args: ['rollout', '--backend', '2.0.0', '--frontend', '2.0.0'],
    wanted: 0,
  },
  {
    name: 'manual rollback',
    story: 'Somebody does not like 2.0.0. What served before is still warm where it can be.',
    args: ['rollback'],
    wanted: 0,
  },
  {
    name: 'bad release',
    story:
      'A backend that never gets healthy. It is found out before it gets a single request,\nand undone. Exit code 10: failed, and the previous release is serving.',
    args: ['rollout', '--backend', 'never-healthy'],
    wanted: 10,
  },
];

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort(new Error(`ended by ${signal}`)));

const stateDir = await mkdtemp(join(tmpdir(), 'deployctl-demo-'));
try {
  process.exitCode = await demo();
} catch (error) {
  if (!stop.signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  await deployctl(['sandbox', 'down', '--state-dir', stateDir], { stdout: 'ignore', stderr: 'ignore' });
  await rm(stateDir, { recursive: true, force: true });
}

async function demo() {
  say('deployctl on its sandbox: AWS on this machine, four instances behind a load balancer');
  const up = await deployctl(['sandbox', 'up', '--detach', '--instances', '4', '--state-dir', stateDir], {
    stdout: 'inherit',
    stderr: 'inherit',
  });
  if (up.exitCode !== 0) return up.exitCode;
  const { stdout } = await deployctl(['sandbox', 'status', '--json', '--state-dir', stateDir], {});
  const sandbox = JSON.parse(stdout);
  const keys = await deployctl(['sandbox', 'env', '--json', '--state-dir', stateDir], {});
  // What the surroundings say about AWS would win over these keys, or go with them.
  const env = { AWS_PROFILE: undefined, AWS_SESSION_TOKEN: undefined, ...JSON.parse(keys.stdout) };

  const traffic = startTraffic(sandbox.loadBalancer.url);
  const rows = [];
  let wrong = 0;
  for (const [index, step] of steps.entries()) {
    say(`${index + 1}/${steps.length}  ${step.name}: ${RATE} requests a second are on`, step.story);
    console.log(`$ deployctl ${step.args.join(' ')}\n`);
    const before = await traffic.now();
    const started = performance.now();
    const { exitCode } = await deployctl([...step.args, '--yes', '--config', config], {
      env,
      stdout: 'inherit',
      stderr: 'inherit',
    });
    const seconds = (performance.now() - started) / 1000;
    const after = await traffic.now();
    stop.signal.throwIfAborted();
    if (exitCode !== step.wanted) wrong += 1;
    const ended = `exit ${exitCode}${exitCode === step.wanted ? '' : `, wanted ${step.wanted}`}`;
    rows.push([
      step.name,
      after.requests - before.requests,
      after.failures - before.failures,
      `${seconds.toFixed(0)} s`,
      ended,
    ]);
  }
  const total = await traffic.end();
  rows.push(['all', total.requests, total.failures, `${(total.durationMs / 1000).toFixed(0)} s`, '']);

  say('what the clients saw');
  table(['phase', 'requests', 'failed', 'duration', 'ended'], rows);
  console.log(
    `\nversions seen: ${Object.entries(total.byVersion)
      .map(([version, count]) => `${version} ${count}`)
      .join(', ')}`,
  );
  console.log(`${total.failures} failed requests of ${total.requests}`);
  for (const failure of total.firstFailures) console.log(`  ${JSON.stringify(failure)}`);
  return wrong === 0 && total.failures === 0 ? 0 : 1;
}

/** Traffic for the whole demo, by one open loop, so that nothing between two steps goes unseen. */
function startTraffic(url) {
  const end = new AbortController();
  const tell = [];
  const summary = runLoad({
    url,
    rate: RATE,
    connections: 50,
    paths: ['/', '/api/'],
    signal: AbortSignal.any([end.signal, stop.signal]),
    onSecond: (sofar) => {
      for (const resolve of tell.splice(0)) resolve(sofar);
    },
  });
  return {
    /** The counts at the next full second. */
    now: () => Promise.race([new Promise((resolve) => tell.push(resolve)), summary]),
    end: () => {
      end.abort();
      return summary;
    },
  };
}

function deployctl(args, options) {
  return execa(process.execPath, [cli, ...args], { reject: false, stdin: 'ignore', ...options });
}

function say(title, story = '') {
  console.log(`\n${'─'.repeat(78)}\n${title}`);
  if (story !== '') console.log(`\n${story}`);
  console.log();
}

function table(head, rows) {
  const widths = head.map((text, column) => Math.max(text.length, ...rows.map((row) => String(row[column]).length)));
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, column) =>
      typeof cell === 'number' ? String(cell).padStart(widths[column]) : String(cell).padEnd(widths[column]),
    );
    console.log(`  ${cells.join('   ')}`.trimEnd());
  }
}
