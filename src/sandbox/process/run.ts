import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { findPrograms } from '../hosts/docker/needs.js';
import { createHosts } from '../hosts/index.js';
import { buildShopImages, startShopRelease } from '../hosts/shop.js';
import type { SsmService } from '../services/ssm/index.js';
import { createSsm } from '../services/ssm/index.js';
import type { Sandbox } from '../start.js';
import { startSandbox } from '../start.js';
import { sleepReal } from '../time.js';
import type { Access } from '../access.js';
import { createAccess } from '../access.js';
import { writeAccess } from './access-file.js';
import { sweep } from './down.js';
import { SandboxError } from './errors.js';
import type { RunningState } from './state-file.js';
import { claim, prepare, writeState } from './state-file.js';
import type { UpOptions } from './up-options.js';
import { startWatchdog, watchdogEnds } from './watchdog.js';

const ACCOUNT_ID = '123456789012';
/** Ports of the colors that a new sandbox serves from. */
const LIVE_PORTS = { backend: 8081, frontend: 8091 };
const POLL_MS = 50;
const SERVE_LIMIT_MS = 120_000;

export interface UpHooks {
  /** One line about what goes on. */
  progress(line: string): void;
  /** The fleet serves. */
  serving(state: RunningState): void | Promise<void>;
}

/**
 * Runs a sandbox in this process: starts it, tells when it serves, and ends it when `signal` aborts or someone asks for
 * its shutdown. Nothing is left running afterwards, whatever happened in between.
 * @throws MissingNeeds when the machine lacks what the runtime needs
 * @throws SandboxError when the folder is taken, or the fleet does not come to serve
 */
export async function up(options: UpOptions, hooks: UpHooks, signal: AbortSignal): Promise<void> {
  const { stateDir } = options;
  // Before a folder is made for nothing.
  if (options.runtime === 'docker') await findPrograms();
  await prepare(stateDir);
  await watchdogEnds(stateDir);
  const claimed = await claim(stateDir, options.region);
  const watchdog = startWatchdog(stateDir);
  try {
    hooks.progress(
      `starting ${options.instances} instances at ${options.timeScale} times the speed of AWS in ${stateDir}`,
    );
    const access = createAccess();
    await writeAccess(stateDir, access);
    const { sandbox, close } = await start(options, access, hooks);
    try {
      if (options.release) {
        hooks.progress('waiting until the load balancer serves release 1.0.0 and all targets are healthy');
        await serves(sandbox, signal);
      }
      const { endpoint } = sandbox;
      const state = { ...claimed, ready: true, endpoint, loadBalancerUrl: sandbox.status().loadBalancer.url };
      if (!signal.aborted) {
        await writeState(stateDir, state);
        await hooks.serving({ ...state, access });
        await Promise.race([sandbox.closed, aborted(signal)]);
      }
    } finally {
      hooks.progress('ending the sandbox');
      await close();
    }
  } finally {
    await sweep(stateDir);
    watchdog.dismiss();
  }
}

async function start(
  options: UpOptions,
  access: Access,
  hooks: UpHooks,
): Promise<{ readonly sandbox: Sandbox; readonly close: () => Promise<void> }> {
  const { stateDir, instances, timeScale, runtime, region } = options;
  let ssm: SsmService | undefined;
  const policy = options.policy === undefined ? {} : { policy: await readFile(options.policy, 'utf8') };
  const sandbox = await startSandbox(
    { stateDir, instances, timeScale, runtime, region, accountId: ACCOUNT_ID },
    {
      ...policy,
      access,
      createHosts: (deps) => createHosts(runtime, deps),
      createSsm: (deps) => (ssm = createSsm(deps)),
      seed: async ({ hosts, fleet }) => {
        hooks.progress('building the images of the example shop');
        await buildShopImages(hosts, shopDir());
        if (options.release) {
          hooks.progress('starting shop/backend:1.0.0 and shop/frontend:1.0.0 on each instance');
          await startShopRelease(hosts, fleet.list(), LIVE_PORTS);
        }
      },
      onError: (error) =>
        hooks.progress(`in the background: ${error instanceof Error ? error.message : String(error)}`),
    },
  );
  return {
    sandbox,
    close: async () => {
      ssm?.close();
      await sandbox.close();
    },
  };
}

/** Waits until all targets are healthy and the load balancer answers 200 on / and /api/. */
async function serves(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  const { url } = sandbox.status().loadBalancer;
  const deadline = performance.now() + SERVE_LIMIT_MS;
  while (!signal.aborted) {
    const answers = await Promise.all(
      ['/', '/api/'].map(async (path) => ({ path, status: await statusOf(url + path) })),
    );
    const { ready } = sandbox.status();
    if (ready && answers.every(({ status }) => status === 200)) {
      return;
    }
    const seen = `targets ${ready ? 'were' : 'not all'} healthy, ${answers.map(({ path, status }) => `${path} gave ${status}`).join(', ')}`;
    if (performance.now() > deadline) {
      throw new SandboxError(
        `the fleet does not serve ${SERVE_LIMIT_MS / 1000} s after its start: ${seen}; wanted 200`,
        70,
      );
    }
    await sleepReal(POLL_MS);
  }
}

async function statusOf(url: string): Promise<number | string> {
  try {
    const answer = await request(url, { headersTimeout: 5_000, bodyTimeout: 5_000 });
    await answer.body.dump();
    return answer.statusCode;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** The example shop beside this package's code: the same distance from src/ and from dist/. */
function shopDir(): string {
  return fileURLToPath(new URL('../../../examples/shop', import.meta.url));
}
