// Finds deployctl, runs it, and passes signals on.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { input, stopCommands } from './runner.js';

const here = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The program: that of this very tag, built beside this file, once a job; or the npm package that was asked for.
 * @returns path of bin/run.js
 * @throws Error when it cannot be built or installed; npm has said why
 */
function program() {
  const wanted = input('package');
  if (wanted === '') {
    // The manifest is the last that a build writes, so one that was broken off is made again.
    if (!['oclif.manifest.json', 'dist', 'node_modules'].every((name) => existsSync(join(here, name))))
      npm(['run', '--silent', 'build'], here);
    return join(here, 'bin', 'run.js');
  }
  const { version } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
  const folder = join(process.env.RUNNER_TEMP ?? tmpdir(), `deployctl-${version}`);
  const found = join(folder, 'node_modules', 'deployctl', 'bin', 'run.js');
  if (existsSync(found)) return found;
  mkdirSync(folder, { recursive: true });
  const spec = existsSync(wanted) ? resolve(wanted) : wanted;
  npm(['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev', spec], folder);
  return found;
}

function npm(args, cwd) {
  // The runner's own node comes last: the job's may be the one that npm belongs to.
  const PATH = [process.env.PATH, dirname(process.execPath)].join(delimiter);
  const shell = process.platform === 'win32';
  execFileSync('npm', args, { cwd, env: { ...process.env, PATH }, stdio: ['ignore', 'ignore', 'inherit'], shell });
}

/** Set while deployctl runs: where signals go. */
let running;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => running?.kill(signal));

/**
 * Runs deployctl; its progress goes to the log, where it can't be taken for commands of the runner.
 * @returns exit code, and the document that it has printed
 */
export async function deployctl(args) {
  const cwd = input('working-directory') || '.';
  const resume = stopCommands();
  try {
    const path = program();
    return await new Promise((done, failed) => {
      // stderr too: the order of lines is that of their writing.
      running = spawn(process.execPath, [path, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
      let stdout = '';
      running.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
      running.stderr.on('data', (text) => process.stdout.write(text));
      running.once('error', failed);
      running.once('close', (ended, signal) => {
        const code = ended ?? 128 + constants.signals[signal];
        done({ code, result: parsed(args[0], stdout, code) });
      });
    });
  } finally {
    running = undefined;
    resume();
  }
}

function parsed(command, stdout, code) {
  try {
    return JSON.parse(stdout);
  } catch {
    // Ended by a second signal, or before it could say anything.
    const message = `deployctl ${command} ended with exit code ${code} and gave no result`;
    return { error: { code: 'no-result', message, next: ['deployctl status'] } };
  }
}

/** Arguments that every command of this step shares. */
export function shared() {
  return [
    ...(input('environment') === '' ? [] : ['--env', input('environment')]),
    ...(input('config') === '' ? [] : ['--config', input('config')]),
  ];
}
