import { z } from 'zod';
import { SandboxError } from './errors.js';
import type { RunningState } from './state-file.js';
import { shellQuote } from './env.js';

const STATUS = z.object({
  endpoint: z.string(),
  region: z.string(),
  timeScale: z.number(),
  loadBalancer: z.object({ url: z.string() }),
  targetGroups: z.array(z.object({ service: z.string(), color: z.string(), arn: z.string() })),
  instances: z.array(z.object({ id: z.string(), zone: z.string(), address: z.string(), state: z.string() })),
  faults: z.array(z.unknown()),
  errors: z.array(z.string()),
});

/** The sandbox's status as lines for people. */
export function statusLines(status: Record<string, unknown>): string[] {
  const { endpoint, region, timeScale, loadBalancer, targetGroups, instances, faults, errors } = read(status);
  return [
    `endpoint       ${endpoint} (${region}, ${timeScale} times the speed of AWS)`,
    `load balancer  ${loadBalancer.url}`,
    ...targetGroups.map(({ service, color, arn }) => `target group   ${service} ${color}  ${nameIn(arn)}`),
    ...instances.map(({ id, zone, address, state }) => `instance       ${id}  ${zone}  ${address}  ${state}`),
    ...faults.map((fault) => `fault          ${JSON.stringify(fault)}`),
    ...errors.map((error) => `error          ${error}`),
  ];
}

/** `shop-backend-blue` of `arn:…:targetgroup/shop-backend-blue/7bea4f34bb2d7fe5`: the whole ARNs are in --json. */
function nameIn(arn: string): string {
  return arn.split('/')[1] ?? arn;
}

/** What a person needs to know when a sandbox serves, and what to type next. */
export function upSummary(status: Record<string, unknown>, stateDir: string, how: 'foreground' | 'detached'): string[] {
  const { endpoint, loadBalancer, instances } = read(status);
  const folder = `--state-dir ${shellQuote(stateDir)}`;
  return [
    `${instances.length} instances serve at ${loadBalancer.url}`,
    `the AWS endpoint is ${endpoint}`,
    '',
    how === 'foreground' ? 'Ctrl-C ends it. In another terminal:' : 'Next:',
    `  eval "$(deployctl sandbox env ${folder})"`,
    '  aws ec2 describe-instances',
    `  deployctl sandbox load ${folder} --duration 30s`,
    ...(how === 'foreground' ? [] : [`  deployctl sandbox down ${folder}`]),
  ];
}

/** "500ms", "30s", "5m", "1h" in milliseconds. @throws SandboxError (64) */
export function durationOf(flag: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit ?? ''];
  const ms = Number(digits) * (factor ?? 0);
  if (!(ms > 0)) {
    throw new SandboxError(`${flag} is ${text}; it must be a duration like 500ms, 30s, 5m or 1h`, 64);
  }
  return ms;
}

/** `NAME=VALUE` pairs as an object. @throws SandboxError (64) */
export function buildArguments(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) {
        throw new SandboxError(`--build-arg is ${pair}; it must be NAME=VALUE`, 64);
      }
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Where the load balancer of a sandbox answers. */
export function loadBalancerUrl(state: RunningState): string {
  if (state.loadBalancerUrl === undefined) {
    throw new SandboxError(`the sandbox of process ${state.pid} has no load balancer yet; try again in a moment`, 12);
  }
  return state.loadBalancerUrl;
}

function read(status: Record<string, unknown>): z.output<typeof STATUS> {
  const parsed = STATUS.safeParse(status);
  if (!parsed.success) {
    throw new SandboxError(
      `the sandbox describes itself in a way that this version does not know: ${z.prettifyError(parsed.error)}`,
      70,
    );
  }
  return parsed.data;
}
