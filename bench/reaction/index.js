// How soon a verdict takes traffic away, and how long a whole way back takes: by the events of the built CLI and by what the sandbox says it accepted, and when.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { median, quantile, table } from '../numbers.js';
import { underLoad, withShop } from '../shop.js';
import { signed } from '../sign.js';

const POLL = 500;
const SCALE = 20;
const INSTANCES = 4;
const ROUNDS = 4;

/** The first one is a verdict: see {@link settings}. */
const isBadSample = ({ type, why }) => type === 'probe.sampled' && why !== undefined;

/** `verdict(event)`: the event that completes it. `write`: the call that takes traffic away. */
const cases = {
  flip: {
    name: 'blue-green, a bad probe sample',
    back: 'weights given back',
    args: ['--backend', 'errors', '--strategy', 'blue-green'],
    verdict: isBadSample,
    write: 'ModifyRule',
  },
  crash: {
    name: 'blue-green, a container that died',
    back: 'weights given back',
    args: ['--backend', 'crashes', '--strategy', 'blue-green'],
    // Seen by the probe or in its target group, whichever is first.
    verdict: (event) => isBadSample(event) || (event.type === 'instance.moved' && event.line.place === 'bad'),
    write: 'ModifyRule',
  },
  kept: {
    name: 'rolling, a bad probe sample',
    back: 'kept containers started again',
    args: ['--backend', 'errors', '--strategy', 'rolling'],
    verdict: isBadSample,
    write: 'DeregisterTargets',
  },
  start: {
    name: 'rolling, a failed start',
    back: 'kept containers started again',
    args: ['--backend', 'never-healthy', '--strategy', 'rolling'],
    verdict: ({ type }) => type === 'host.failed',
  },
  pull: {
    name: 'rolling, by hand',
    back: 'images pulled again',
    prepare: async (shop) => {
      // Two, because what was there before the first rollout was started by somebody else, and nobody knows how.
      for (const version of ['1.1.0', '2.0.0'])
        await shop.deployctl(['rollout', '--backend', version, '--skip-validation', '--yes']);
      await forget(shop);
    },
    command: 'rollback',
    args: [],
  },
};

export async function measure({ quick }) {
  const found = Object.keys(cases).map((name) => ({ name, samples: [] }));
  for (let round = 0; round < (quick ? 2 : ROUNDS); round += 1) {
    await withShop({ instances: INSTANCES, scale: SCALE, drain: 30, config: settings }, async (shop) => {
      for (const { name, samples } of found) samples.push(await once(shop, cases[name], `${name}-${String(round)}`));
    });
    process.stderr.write(`reaction: round ${String(round + 1)}\n`);
  }
  return { poll: POLL, instances: INSTANCES, cases: found };
}

/** The backend alone, with a probe as its gate, and at once for all of the traffic: the first bad sample is a verdict. */
function settings({ services }, production, { loadBalancer }) {
  delete services.frontend;
  delete production.services.frontend;
  services.backend.checks = [];
  services.backend.health['start-timeout'] = '3s';
  Object.assign(production, { strategy: 'rolling', steps: [100], 'max-parallel': 2 });
  Object.assign(production.timing, { settle: '3s', stabilize: '500ms', bake: '30s', poll: `${String(POLL)}ms` });
  production.gates = { probes: [{ name: 'api', url: `${loadBalancer.url}/api/`, interval: '200ms' }] };
}

/** One rollout that ends in a way back, or a way back by hand. @returns milliseconds; `reaction` from the verdict to the accepted write */
async function once(shop, { prepare, command = 'rollout', args, verdict, write }, name) {
  await prepare?.(shop);
  const file = join(shop.dir, `${name}.ndjson`);
  await underLoad(shop, () => shop.deployctl([command, ...args, '--yes', '--events', file], { reject: false }));
  const events = (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const at = ({ time }) => new Date(time).getTime();
  const ended = events.find(({ type }) => type === 'rollout.ended');
  const back = events.find(({ type }) => type === (verdict === undefined ? 'rollout.started' : 'rollback.started'));
  if (back === undefined || !['rolled-back', 'succeeded'].includes(ended?.outcome))
    throw new Error(`${name}: not gone back: ${JSON.stringify(ended)}`);
  const whole = at(ended) - at(back);
  if (verdict === undefined) return { whole };
  const completed = events.find(verdict);
  if (completed === undefined) throw new Error(`${name}: nothing completed the verdict: ${back.reason}`);
  if (write === undefined) return { whole, reaction: at(back) - at(completed) };
  const { recent } = await shop.get('calls');
  const accepted = recent
    .filter(({ operation, outcome }) => operation === write && outcome === 'ok')
    .map(({ time, durationMs }) => new Date(time).getTime() + durationMs)
    .find((time) => time >= at(completed));
  if (accepted === undefined) throw new Error(`${name}: the sandbox accepted no ${write}`);
  return { whole, reaction: accepted - at(completed) };
}

/** Nothing of the way back is left on the instances: the containers that were kept are removed, and their images. */
async function forget({ status, env }) {
  const line = 'docker rm $(docker ps -aq --filter status=exited) && docker image prune -af';
  const { Command } = await callSsm(env, 'SendCommand', {
    DocumentName: 'AWS-RunShellScript',
    InstanceIds: status.instances.map(({ id }) => id),
    Parameters: { commands: [line] },
  });
  for (;;) {
    const { CommandInvocations } = await callSsm(env, 'ListCommandInvocations', { CommandId: Command.CommandId });
    const ended = CommandInvocations.filter(({ Status }) => !['Pending', 'InProgress', 'Delayed'].includes(Status));
    if (ended.some(({ Status }) => Status !== 'Success')) throw new Error(JSON.stringify(ended));
    if (ended.length === status.instances.length) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function callSsm(env, operation, fields) {
  const body = JSON.stringify(fields);
  const type = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AmazonSSM.${operation}` };
  const headers = signed(env, 'ssm', type, body);
  const answer = await fetch(env.AWS_ENDPOINT_URL, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`${operation}: ${await answer.text()}`);
  return answer.json();
}

export function tables({ poll, instances, cases: found }) {
  const seconds = (ms) => (ms / 1000).toFixed(1);
  const ticks = (ms) => (ms / poll).toFixed(1);
  const rows = found.map(({ name, samples }) => {
    const { name: what, back, write, verdict } = cases[name];
    const reactions = samples.map(({ reaction }) => reaction);
    const wholes = samples.map(({ whole }) => whole);
    return [
      what,
      verdict === undefined ? 'asked for' : write === undefined ? 'way back begun' : `${write} accepted`,
      verdict === undefined ? '' : ticks(median(reactions)),
      verdict === undefined ? '' : ticks(quantile(reactions, 0.95)),
      back,
      seconds(median(wholes)),
      seconds(quantile(wholes, 0.95)),
    ];
  });
  const head = ['what happened', 'until', 'ticks, p50', 'p95', 'way back', 'whole, s, p50', 'p95'];
  return `${table(head, rows)}\n\n${String(instances)} instances on the sandbox, ${String(SCALE)} times faster than AWS, under load; a tick (\`timing.poll\`) is ${String(poll)} ms; ${String(found[0].samples.length)} rounds, so that p95 is the slowest.`;
}
