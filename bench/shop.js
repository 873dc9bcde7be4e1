// A sandbox with the shop, for measurements: brought up, loaded, deployed to, and always taken down.
import { execa } from 'execa';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { bare, signed } from './sign.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'bin', 'run.js');

/**
 * Runs `work` with a new sandbox.
 * @param options `instances`, `scale`, `drain` in AWS seconds, `config(file, production, status)` changes deployctl.yml, `env` is added to that of all commands
 */
export async function withShop({ instances, scale, drain, config = () => undefined, env = {} }, work) {
  const dir = await mkdtemp(join(tmpdir(), 'deployctl-bench-'));
  const stateDir = join(dir, 'sandbox');
  const sandbox = (...args) => execa('node', [cli, 'sandbox', ...args, '--state-dir', stateDir]);
  try {
    await sandbox('up', '--detach', '--instances', String(instances), '--time-scale', String(scale));
    const status = JSON.parse((await sandbox('status', '--json')).stdout);
    const own = { ...bare, ...JSON.parse((await sandbox('env', '--json')).stdout), HOME: dir, ...env };
    const { control } = JSON.parse(await readFile(join(stateDir, 'access.json'), 'utf8'));
    for (const { arn } of status.targetGroups) await drainSeconds(own, arn, drain);
    const file = parse(await readFile(join(root, 'examples', 'shop', 'deployctl.yml'), 'utf8'));
    config(file, file.environments.production, status);
    await writeFile(join(dir, 'deployctl.yml'), stringify(file));
    const headers = { authorization: `Bearer ${control}` };
    const get = async (path) => (await fetch(`${status.endpoint}/_sandbox/${path}`, { headers })).json();
    return await work({
      dir,
      stateDir,
      status,
      env: own,
      fault: (...args) => sandbox('fault', ...args),
      get,
      calls: async () => Object.values((await get('calls')).counts).reduce((sum, count) => sum + count, 0),
      deployctl: (args, options = {}) => execa('node', [cli, ...args], { cwd: dir, env: own, ...options }),
    });
  } finally {
    await sandbox('down');
    await rm(dir, { recursive: true, force: true });
  }
}

async function drainSeconds(env, arn, seconds) {
  const body = new URLSearchParams({
    Action: 'ModifyTargetGroupAttributes',
    Version: '2015-12-01',
    TargetGroupArn: arn,
    'Attributes.member.1.Key': 'deregistration_delay.timeout_seconds',
    'Attributes.member.1.Value': String(seconds),
  }).toString();
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const headers = signed(env, 'elasticloadbalancing', form, body);
  const answer = await fetch(env.AWS_ENDPOINT_URL, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`the drain of ${arn} was not set: ${await answer.text()}`);
}

/** Requests at a steady rate while `work` runs. @returns what the clients saw, and how long `work` took in ms */
export async function underLoad({ status }, work, { rate = 100, paths = ['/api/'] } = {}) {
  // Loaded only here: the other measurements need no build.
  const { runLoad } = await import('../dist/sandbox/load/index.js');
  const end = new AbortController();
  const load = runLoad({ url: status.loadBalancer.url, rate, connections: 20, paths, signal: end.signal });
  const began = performance.now();
  let ms;
  try {
    await work();
    ms = performance.now() - began;
  } finally {
    end.abort();
    await load;
  }
  return { ms, load: await load };
}
