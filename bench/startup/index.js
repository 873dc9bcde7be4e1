// How long a start takes, as a ratio to `node -e 0`: what of it is Node's own start is not ours.
import { execa } from 'execa';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, table } from '../numbers.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = join(root, 'bin', 'run.js');
const config = join(root, 'examples', 'shop', 'deployctl.yml');
const ROUNDS = 15;

const commands = [
  { name: 'node -e 0', args: ['-e', '0'] },
  { name: 'deployctl --version', args: [cli, '--version'], most: 2.5 },
  { name: 'deployctl status --json', args: [cli, 'status', '--json', '--config', config], most: 7 },
];

export async function measure({ quick }) {
  const stateDir = await mkdtemp(join(tmpdir(), 'deployctl-bench-'));
  const sandbox = (...args) => execa('node', [cli, 'sandbox', ...args, '--state-dir', stateDir]);
  try {
    await sandbox('up', '--detach', '--instances', '4', '--time-scale', '20');
    const env = JSON.parse((await sandbox('env', '--json')).stdout);
    const times = commands.map(() => []);
    // One after the other, round by round: whatever else the machine does, it does to all of them.
    const rounds = quick ? 3 : ROUNDS;
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, { args }] of commands.entries()) {
        const began = performance.now();
        await execa('node', args, { env });
        times[index].push(performance.now() - began);
      }
    }
    const base = median(times[0]);
    return {
      rounds,
      commands: commands.map(({ name, most }, index) => ({
        name,
        ms: Math.round(median(times[index])),
        ratio: Number((median(times[index]) / base).toFixed(2)),
        ...(most === undefined ? {} : { most }),
      })),
    };
  } finally {
    await sandbox('down');
    await rm(stateDir, { recursive: true, force: true });
  }
}

export function tables({ rounds, commands: found }) {
  const rows = found.map(({ name, ms, ratio, most }) => [
    `\`${name}\``,
    String(ms),
    `${ratio.toFixed(1)} ×`,
    most === undefined ? '' : `${most} ×`,
  ]);
  return `${table(['command', 'ms', 'of `node -e 0`', 'at most'], rows)}\n\nMedians of ${String(rounds)} runs that took turns.`;
}
