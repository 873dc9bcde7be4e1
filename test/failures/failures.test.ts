import { readFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import * as ec2 from '../../src/aws/sdk/ec2.js';
import * as ecr from '../../src/aws/sdk/ecr.js';
import * as elbv2 from '../../src/aws/sdk/elbv2.js';
import * as ssm from '../../src/aws/sdk/ssm.js';
import { ReportingCommand } from '../../src/base-command.js';
import { awsCalls } from '../../src/domain/aws-calls.js';
import { iamAction } from '../../src/domain/errors.js';
import { faultKinds } from './account.js';
import type { FaultKind } from './account.js';
import { commands, runCommand } from './commands.js';
import type { Run } from './commands.js';

/*
 * One call to AWS fails, whichever it is, however it fails, in every command that makes it: the operation is named, with what to do about it, and the
 * command ends within the time that docs/aws.md states. Time is virtual.
 */

/** docs/aws.md, "When AWS does not answer". */
const bound = 60_000;
/** From the first call that hangs until something stands on the screen; a turn of the clock more. */
const soon = 5_100;

vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
vi.stubEnv('AWS_ENDPOINT_URL', undefined);
vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');

interface Known {
  readonly operation: string;
  readonly what: string;
  readonly instead?: string;
  readonly onlyDoctor?: true;
}
const known: readonly Known[] = awsCalls;
/** Whether another call gives the same answer. `init` lists what there is, which only this one does. */
const hasStandIn = (name: string, operation: string): boolean =>
  known.some((call) => call.operation === operation && call.instead !== undefined) &&
  !(name === 'init' && operation === 'elbv2:DescribeLoadBalancers');

/** How often the files of the SDK are read for the first time is not what is measured here. */
await runCommand('doctor');
const made = new Map<string, readonly string[]>();
for (const name of Object.keys(commands)) {
  const run = await runCommand(name);
  expect(run.error, name).toBeUndefined();
  made.set(name, [...new Set(run.calls)].sort());
}

/** Changes of the fleet: only the loop makes them, when the command has got past everything that is tested here. */
const inTheLoop = ['elbv2:DeregisterTargets', 'elbv2:ModifyListener', 'elbv2:ModifyRule'];

it('the list of calls is what the code names', () => {
  const named = Object.entries({ ec2, ecr, elbv2, ssm }).flatMap(([service, sdk]) =>
    Object.keys(sdk).flatMap((name) => (name.endsWith('Command') ? [`${service}:${name.slice(0, -7)}`] : [])),
  );
  expect(known.map(({ operation }) => operation).sort()).toEqual(named.sort());
});

it('every call is made by some command', () => {
  const all = new Set([...made.values()].flat());
  expect(known.map(({ operation }) => operation).filter((each) => !all.has(each))).toEqual(inTheLoop);
});

it('docs/aws.md lists every call, what for, and what stands in for it', async () => {
  const docs = await readFile(new URL('../../docs/aws.md', import.meta.url), 'utf8');
  const rows = new Map(
    docs.split('\n').flatMap((line) => {
      const [, call = '', what = '', without = ''] = line.split('|').map((cell) => cell.trim());
      return /^`[a-z0-9]+:[A-Z]\w+`$/.test(call) ? [[call.slice(1, -1), { what, without }] as const] : [];
    }),
  );
  expect([...rows.keys()].sort()).toEqual(known.map(({ operation }) => iamAction(operation)).sort());
  for (const { operation, what, instead } of known) {
    const row = rows.get(iamAction(operation));
    expect(row?.what, operation).toBe(what);
    if (instead !== undefined)
      expect(row?.without, operation).toContain(`\`${iamAction(instead)}\` gives the same answer`);
    else expect(row?.without, operation).not.toContain('the same answer');
  }
});

describe.each([...made])('%s', (name, operations) => {
  it.each(operations)('%s', { timeout: 120_000 }, async (operation) => {
    for (const is of faultKinds) {
      const run = await runCommand(name, { operation, is });
      const { text, exitCode } = await shown(run);
      const all = `${name}, ${operation} ${is}, after ${String(run.took)} ms, exit ${String(exitCode)}:\n${text}`;
      expect(run.took, all).toBeLessThanOrEqual(bound);
      expect(text, all).toContain(operation);
      expect(text, all).not.toMatch(/SSM agent|agent is offline|cannot be reached through SSM|repair|instance profile/);
      expect(exitCode, all).toBe(expectedCode(name, operation, is));
      if (!hasStandIn(name, operation) || is === 'expired') expect(text, all).toMatch(adviceFor(operation, is));
      if (is === 'denied') expect(text, all).toContain(`allow ${iamAction(operation)} for this identity`);
      if (is === 'hang') expect(firstLine(run, operation), all).toBeLessThanOrEqual((run.faultAt ?? 0) + soon);
    }
  });
});

it('status asks a store that does not answer once, and shows where the traffic goes', async () => {
  const run = await runCommand('status', { operation: 'ssm:GetParametersByPath', is: 'hang' });
  const { text, exitCode } = await shown(run);
  expect(run.took, text).toBeLessThan(40_000);
  expect(text).toMatch(/backend .* blue \S+ 100%[^]*shop-1 .* healthy {2}r-1/);
  expect(text).not.toMatch(/has lost|Nothing was changed/);
  expect(exitCode).toBe(12);
});

/** When the operation was named first on the screen. */
function firstLine({ lines, took }: Run, operation: string): number {
  return lines.find(({ text }) => text.includes(operation))?.at ?? took;
}

function expectedCode(name: string, operation: string, is: FaultKind): number {
  // The command was sent: what it did is not known.
  if (name === 'exec' && operation === 'ssm:GetCommandInvocation' && is === 'expired') return 14;
  // A registration of what is registered proves the right; one without an answer proves nothing, and the rollout begins.
  if (operation === 'elbv2:RegisterTargets' && is !== 'denied' && is !== 'expired') return 0;
  if (is === 'expired') return 12;
  if (hasStandIn(name, operation)) return 0;
  return name === 'doctor' && known.some((call) => call.operation === operation && call.onlyDoctor) ? 0 : 12;
}

function adviceFor(operation: string, is: FaultKind): RegExp {
  const [service = ''] = operation.split(':');
  const endpoint = `https://${{ elbv2: 'elasticloadbalancing', ecr: 'api.ecr' }[service] ?? service}.eu-west-1.amazonaws.com`;
  switch (is) {
    case 'denied':
      return /allow \S+ for this identity/;
    case 'expired':
      return /renew the AWS credentials/;
    case '500':
      return new RegExp(`InternalServerError: .*HTTP 500 from ${endpoint}[^]*try again in a moment`);
    case 'throttled':
      return /(?:ThrottlingException|RequestLimitExceeded): [^]*try again in a moment/;
    case 'html':
      return new RegExp(`${endpoint} answered with an HTML page[^]*check the connection to ${endpoint}`);
    case 'hang':
      return new RegExp(`no answer from ${endpoint} within[^]*check the connection to ${endpoint}`);
  }
}

class Shown extends ReportingCommand {
  text = '';

  override run(): Promise<void> {
    return Promise.resolve();
  }

  override logToStderr(text = ''): void {
    this.text += `${text}\n`;
  }

  async show(error: Error): Promise<number> {
    const before = process.exitCode;
    await this.catch(error);
    const exitCode = Number(process.exitCode);
    process.exitCode = before;
    return exitCode;
  }
}

/** Everything on the screen, and the exit code. */
async function shown({
  lines,
  printed,
  error,
  exitCode,
}: Run): Promise<{ readonly text: string; readonly exitCode: number }> {
  const before = [...lines.map(({ text }) => text), printed].join('\n');
  if (error === undefined) return { text: before, exitCode };
  if (!(error instanceof Error)) throw new Error('thrown was no error', { cause: error });
  const command = new Shown([], {} as never);
  const code = await command.show(error);
  return { text: `${before}\n${command.text}`, exitCode: code };
}
