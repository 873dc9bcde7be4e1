// How long a start takes, as a ratio to `node -e 0`: what of it is Node's own start is not ours.
import { execa } from 'execa';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, table } from '../numbers.js';
import { bare } from '../sign.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = join(root, 'bin', 'run.js');
const config = join(root, 'examples', 'shop', 'deployctl.yml');
const ROUNDS = 15;
const teller = fileURLToPath(new URL('cpu.cjs', import.meta.url));

const commands = [
  { name: 'node -e 0', args: ['-e', '0'] },
  { name: 'deployctl --version', args: [cli, '--version'], most: 2.5 },
  // Most of its wall time is that of a command on the instances: what it takes itself is processor time.
  { name: 'deployctl status --json', args: [cli, 'status', '--json', '--config', config], mostProcessor: 7 },
];

export async function measure({ quick }) {
  const stateDir = await mkdtemp(join(tmpdir(), 'deployctl-bench-'));
  const sandbox = (...args) => execa('node', [cli, 'sandbox', ...args, '--state-dir', stateDir]);
  try {
    await sandbox('up', '--detach', '--instances', '4', '--time-scale', '20');
    const env = { ...bare, ...JSON.parse((await sandbox('env', '--json')).stdout) };
    const times = commands.map(() => []);
    const processor = commands.map(() => []);
    const told = join(stateDir, 'bench-cpu');
    // One after the other, round by round: whatever else the machine does, it does to all of them.
    const rounds = quick ? 3 : ROUNDS;
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, { args }] of commands.entries()) {
        const began = performance.now();
        await execa('node', args, { env });
        times[index].push(performance.now() - began);
        await execa('node', ['--require', teller, ...args], { env: { ...env, DEPLOYCTL_BENCH_CPU: told } });
        processor[index].push(Number(await readFile(told, 'utf8')) / 1000);
      }
    }
    const of = (all, index) => Number((median(all[index]) / median(all[0])).toFixed(2));
    return {
      rounds,
      commands: commands.map(({ name, most, mostProcessor }, index) => ({
        name,
        ms: Math.round(median(times[index])),
        ratio: of(times, index),
        processorMs: Math.round(median(processor[index])),
        processorRatio: of(processor, index),
        ...(most === undefined ? {} : { most }),
        ...(mostProcessor === undefined ? {} : { mostProcessor }),
      })),
    };
  } finally {
    await sandbox('down');
    await rm(stateDir, { recursive: true, force: true });
  }
}

export function tables({ rounds, commands: found }) {
  const atMost = (most) => (most === undefined ? '' : `${most} ×`);
  const rows = found.map(({ name, ms, ratio, most, processorMs, processorRatio, mostProcessor }) => [
    `\`${name}\``,
    String(ms),
    `${ratio.toFixed(1)} ×`,
    atMost(most),
    String(processorMs),
    `${processorRatio.toFixed(1)} ×`,
    atMost(mostProcessor),
  ]);
  const head = ['command', 'ms', 'of `node -e 0`', 'at most', 'processor, ms', 'of `node -e 0`', 'at most'];
  return `${table(head, rows)}\n\nMedians of ${String(rounds)} runs that took turns. \`status\` waits for a command on the instances, which no command line can hurry.`;
}
