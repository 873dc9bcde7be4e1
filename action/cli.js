// Finds deployctl, runs it, and passes signals on.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { input, stopCommands } from './runner.js';

const here = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The program: built beside this file, or installed once a job from npm, in the version of this action.
 * @returns path of bin/run.js
 */
export function program() {
  const wanted = input('package');
  if (wanted === '' && existsSync(join(here, 'dist', 'base-command.js')) && existsSync(join(here, 'node_modules'))) {
    return join(here, 'bin', 'run.js');
  }
  const { version } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
  const spec = wanted === '' ? `deployctl@${version}` : existsSync(wanted) ? resolve(wanted) : wanted;
  const folder = join(process.env.RUNNER_TEMP ?? tmpdir(), `deployctl-${version}`);
  const found = join(folder, 'node_modules', 'deployctl', 'bin', 'run.js');
  if (existsSync(found)) return found;
  mkdirSync(folder, { recursive: true });
  const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev', spec];
  execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
  return found;
}

/** Set while deployctl runs: where signals go. */
let running;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => running?.kill(signal));

/**
 * Runs deployctl; its progress goes to the log, where it can't be taken for commands of the runner.
 * @returns exit code and stdout
 */
export async function deployctl(args) {
  const path = program();
  const cwd = input('working-directory') || '.';
  const resume = stopCommands();
  try {
    return await new Promise((done, failed) => {
      // stderr too: the order of lines is that of their writing.
      running = spawn(process.execPath, [path, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
      let stdout = '';
      running.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
      running.stderr.on('data', (text) => process.stdout.write(text));
      running.once('error', failed);
      running.once('close', (code, signal) => done({ code: code ?? (signal === 'SIGINT' ? 130 : 137), stdout }));
    });
  } finally {
    running = undefined;
    resume();
  }
}

/** Arguments that every command of this step shares. */
export function shared() {
  return [
    ...(input('environment') === '' ? [] : ['--env', input('environment')]),
    ...(input('config') === '' ? [] : ['--config', input('config')]),
  ];
}
