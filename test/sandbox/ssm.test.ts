import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GetCommandInvocationCommandOutput, SendCommandCommandInput } from '@aws-sdk/client-ssm';
import {
  CancelCommandCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  GetConnectionStatusCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  paginateDescribeInstanceInformation,
  paginateListCommandInvocations,
  PutParameterCommand,
  SendCommandCommand,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SsmWorld } from './ssm-world.js';
import { ids, startSsmWorld } from './ssm-world.js';

let world: SsmWorld;
const [first = '', second = '', third = ''] = ids;

beforeAll(async () => {
  world = await startSsmWorld();
});
afterAll(async () => {
  await world.close();
});

async function send(lines: string | string[], more: Partial<SendCommandCommandInput> = {}): Promise<string> {
  const { Command } = await world.client.send(
    new SendCommandCommand({
      ...('Targets' in more ? {} : { InstanceIds: [first] }),
      DocumentName: 'AWS-RunShellScript',
      Parameters: { commands: typeof lines === 'string' ? [lines] : lines },
      ...more,
    }),
  );
  return Command?.CommandId ?? '';
}

async function read(commandId: string, instanceId = first): Promise<GetCommandInvocationCommandOutput | undefined> {
  try {
    return await world.client.send(new GetCommandInvocationCommand({ CommandId: commandId, InstanceId: instanceId }));
  } catch (error) {
    if (error instanceof Error && error.name === 'InvocationDoesNotExist') {
      return undefined;
    }
    throw error;
  }
}

/** Polls until the invocation has `status` (or any final one). */
async function reach(
  commandId: string,
  status?: string,
  instanceId = first,
): Promise<GetCommandInvocationCommandOutput> {
  return vi.waitFor(
    async () => {
      const seen = await read(commandId, instanceId);
      const wanted = status === undefined ? ['Success', 'Failed', 'TimedOut', 'Cancelled'] : [status];
      if (seen?.Status === undefined || !wanted.includes(seen.Status)) {
        throw new Error(`the invocation is ${seen?.Status ?? 'not there yet'}; wanted ${wanted.join(' or ')}`);
      }
      return seen;
    },
    { timeout: 20_000, interval: 20 },
  );
}

async function run(
  lines: string | string[],
  more: Partial<SendCommandCommandInput> = {},
): Promise<GetCommandInvocationCommandOutput> {
  return reach(await send(lines, more));
}

describe('a command', () => {
  it('runs all lines as one script and is read with string dates', async () => {
    const end = await run(['greeting=hello', 'echo "$greeting from $AWS_SSM_INSTANCE_ID"', 'echo oops >&2']);
    expect(end).toMatchObject({
      Status: 'Success',
      StatusDetails: 'Success',
      ResponseCode: 0,
      PluginName: 'aws:runShellScript',
      StandardOutputContent: `hello from ${first}\n`,
      StandardErrorContent: 'oops\n',
    });
    expect(end.ExecutionStartDateTime).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(end.ExecutionElapsedTime).toMatch(/^PT\d+\.\d+S$/);
  });

  it('begins and ends in the log of events, under its comment', async () => {
    await reach(await send('true', { Comment: 'app start 1' }));
    expect(world.events.filter((line) => line.includes('app start 1'))).toEqual([
      `${first} begins app start 1`,
      `${first} ends app start 1`,
    ]);
  });

  it('does not exist for the first reads', async () => {
    // In slow motion: on a busy machine two calls may take longer than these moments do in quick motion.
    const quick = world;
    const slow = await startSsmWorld(0.1);
    world = slow;
    try {
      const id = await send('true');
      expect(await read(id)).toBeUndefined();
      await vi.waitFor(async () => expect(await read(id)).toBeDefined(), { timeout: 20_000, interval: 100 });
    } finally {
      world = quick;
      await slow.close();
    }
  });

  it('shows no output and no code before its end', async () => {
    const id = await send(`echo early; while [ ! -e "$FOLDER/go" ]; do sleep 0.02; done; echo late; rm "$FOLDER/go"`);
    const busy = await reach(id, 'InProgress');
    expect(busy).toMatchObject({ ResponseCode: -1, StandardOutputContent: '', ExecutionEndDateTime: '' });
    await run('touch "$FOLDER/go"');
    expect((await reach(id)).StandardOutputContent).toBe('early\nlate\n');
  });

  it.each([
    ['exit 3', { Status: 'Failed', ResponseCode: 3, StandardErrorContent: 'failed to run commands: exit status 3' }],
    ['exit 137', { Status: 'TimedOut', StatusDetails: 'ExecutionTimedOut', ResponseCode: 137 }],
    ['echo x >&2; exit 168', { Status: 'Success', StandardErrorContent: '' }],
    ['exit 169', { Status: 'Failed', ResponseCode: 169 }],
    [
      'kill -TERM 0',
      { Status: 'Failed', ResponseCode: -1, StandardErrorContent: 'failed to run commands: signal: SIGTERM' },
    ],
  ])('reads %s as the agent does', async (line, expected) => {
    expect(await run(line)).toMatchObject(expected);
  });

  it('reboots the instance on exit 194 and runs the script again', async () => {
    const end = await run('if [ -e "$FOLDER/booted" ]; then echo second; else touch "$FOLDER/booted"; exit 194; fi');
    expect(end).toMatchObject({ Status: 'Success', StandardOutputContent: 'second\n' });
    expect(world.reboots).toEqual([first]);
  });

  it('keeps the head of long output, and 2,500 characters in the list', async () => {
    const id = await send('head -c 30000 /dev/zero | tr "\\0" a; head -c 9000 /dev/zero | tr "\\0" b >&2; exit 1');
    const end = await reach(id);
    expect(end.StandardOutputContent).toHaveLength(24_000);
    expect(end.StandardOutputContent).toMatch(/^a+--output truncated--$/);
    expect(end.StandardErrorContent).toHaveLength(8_000);
    const list = await world.client.send(new ListCommandInvocationsCommand({ CommandId: id, Details: true }));
    const output = list.CommandInvocations?.[0]?.CommandPlugins?.[0]?.Output ?? '';
    expect(output.length).toBeLessThanOrEqual(2_500);
    expect(output).toMatch(/^a+\n---Output truncated---\n----------ERROR-------\nb+\n---Error truncated----$/);
  });

  it('is killed without a chance to clean up when cancelled', async () => {
    const id = await send('trap "touch $FOLDER/trapped" EXIT TERM; echo started; sleep 30; echo done');
    await reach(id, 'InProgress');
    await world.client.send(new CancelCommandCommand({ CommandId: id }));
    expect(await reach(id)).toMatchObject({ Status: 'Cancelled', StatusDetails: 'Cancelled' });
    expect(existsSync(join(world.folder, 'trapped'))).toBe(false);
  });
  it('gets {{ssm:NAME}} resolved before the shell sees a quote, and nothing else', async () => {
    await world.client.send(new PutParameterCommand({ Name: '/shop/word', Value: "it's", Type: 'String' }));
    await world.client.send(new PutParameterCommand({ Name: '/shop/secret', Value: 's3cret', Type: 'SecureString' }));
    const end = await run(["cat <<'END'", '{{ssm:/shop/word}} {{.State.Health}}', 'END']);
    expect(end.StandardOutputContent).toBe("it's {{.State.Health}}\n");
    expect(await run("echo '{{ssm:/shop/secret}}'")).toMatchObject({ Status: 'Failed', StandardOutputContent: '' });
    expect(await run("echo '{{ssm:/shop/none}}'")).toMatchObject({ Status: 'Failed' });
  });

  it('shares an instance with at most four others', async () => {
    world.running.most = 0;
    const sent = await Promise.all(Array.from({ length: 8 }, () => send('sleep 0.2')));
    await Promise.all(sent.map((id) => reach(id)));
    expect(world.running.most).toBe(5);
  });
});

describe('sending', () => {
  it('refuses all instances for one that is not managed', async () => {
    world.fleet.setAgent(third, 'absent');
    try {
      await expect(send('true', { InstanceIds: [first, third] })).rejects.toMatchObject({
        name: 'InvalidInstanceId',
        message: `Instances [[${third}]] not in a valid state for account 123456789012`,
      });
    } finally {
      world.fleet.setAgent(third, 'online');
    }
  });

  it.each<[string, Partial<SendCommandCommandInput>, string]>([
    ['an unknown instance', { InstanceIds: ['i-99999999999999999'] }, 'InvalidInstanceId'],
    ['an instance twice', { InstanceIds: [first, first] }, 'DuplicateInstanceId'],
    ['51 instances', { InstanceIds: Array.from({ length: 51 }, () => first) }, 'ValidationException'],
    ['a short delivery timeout', { TimeoutSeconds: 29 }, 'ValidationException'],
    ['a long comment', { Comment: 'x'.repeat(101) }, 'ValidationException'],
    ['an unknown document', { DocumentName: 'AWS-RunNothing' }, 'InvalidDocument'],
    ['an unknown parameter', { Parameters: { commands: ['true'], shell: ['bash'] } }, 'InvalidParameters'],
    ['no commands', { Parameters: {} }, 'InvalidParameters'],
  ])('refuses %s', async (_, input, name) => {
    await expect(send('true', input)).rejects.toMatchObject({ name });
  });

  it('takes targets by tag', async () => {
    const id = await send('echo "$INSTANCE"', { Targets: [{ Key: 'tag:App', Values: ['shop'] }] });
    expect((await reach(id, 'Success', second)).StandardOutputContent).toBe(`${second}\n`);
    await reach(id, 'Success', first);
    const { Commands } = await world.client.send(new ListCommandsCommand({ CommandId: id }));
    expect(Commands?.[0]).toMatchObject({ Status: 'Success', TargetCount: 2, CompletedCount: 2, ErrorCount: 0 });
    expect(Commands?.[0]?.RequestedDateTime).toBeInstanceOf(Date);
  });

  it('stops sending after more than MaxErrors failures', async () => {
    const id = await send('exit 1', { InstanceIds: [...ids], MaxConcurrency: '1', MaxErrors: '1' });
    expect(await reach(id, undefined, third)).toMatchObject({ Status: 'Cancelled', StatusDetails: 'Terminated' });
    expect(await reach(id, undefined, second)).toMatchObject({ Status: 'Failed' });
    const { Commands } = await world.client.send(new ListCommandsCommand({ CommandId: id }));
    expect(Commands?.[0]).toMatchObject({ Status: 'Failed', ErrorCount: 2 });
  });

  it('lists in pages', async () => {
    const id = await send('true', { InstanceIds: [...ids] });
    await Promise.all(ids.map((one) => reach(id, 'Success', one)));
    const seen: (string | undefined)[] = [];
    for await (const page of paginateListCommandInvocations({ client: world.client, pageSize: 1 }, { CommandId: id })) {
      expect(page.CommandInvocations).toHaveLength(1);
      seen.push(page.CommandInvocations?.[0]?.InstanceId);
    }
    expect(seen).toEqual(ids);
    await expect(world.client.send(new ListCommandsCommand({ NextToken: 'made up' }))).rejects.toMatchObject({
      name: 'InvalidNextToken',
    });
  });
});

describe('an agent that is away', () => {
  it('leaves a command pending until the delivery timeout, or takes it when it comes back', async () => {
    world.fleet.setAgent(second, 'offline');
    const lost = await send('true', { InstanceIds: [second], TimeoutSeconds: 30 });
    const kept = await send('echo back', { InstanceIds: [second], TimeoutSeconds: 3600 });
    expect(await reach(lost, 'Pending', second)).toMatchObject({ ResponseCode: -1, ExecutionStartDateTime: '' });
    expect(await reach(lost, undefined, second)).toMatchObject({
      Status: 'TimedOut',
      StatusDetails: 'DeliveryTimedOut',
    });
    world.fleet.setAgent(second, 'online');
    expect(await reach(kept, undefined, second)).toMatchObject({ Status: 'Success', StandardOutputContent: 'back\n' });
  });
  it('lists managed instances only, in pages', async () => {
    world.fleet.setAgent(third, 'absent');
    const seen: (string | undefined)[] = [];
    for await (const page of paginateDescribeInstanceInformation({ client: world.client, pageSize: 5 }, {})) {
      seen.push(...(page.InstanceInformationList ?? []).map((one) => one.InstanceId));
    }
    expect(seen).toEqual([first, second]);
    world.fleet.setAgent(third, 'online');
  });
});

describe('faults', () => {
  const runs = (file: string): number =>
    existsSync(join(world.folder, file)) ? readFileSync(join(world.folder, file), 'utf8').trim().split('\n').length : 0;

  it('runs a duplicated command twice and reports it once', async () => {
    world.faults.add({ kind: 'ssm-duplicate', ms: 50, times: 1 });
    expect(await run('echo run >> "$FOLDER/twice"')).toMatchObject({ Status: 'Success' });
    await vi.waitFor(() => expect(runs('twice')).toBe(2), { timeout: 20_000, interval: 100 });
  });

  it('reports a late command as undelivered and runs it all the same', async () => {
    world.faults.add({ kind: 'ssm-late', ms: 200, instance: first, times: 1 });
    const id = await send('echo run >> "$FOLDER/late"');
    expect(await reach(id)).toMatchObject({ Status: 'TimedOut', StatusDetails: 'DeliveryTimedOut' });
    expect(runs('late')).toBe(0);
    await vi.waitFor(() => expect(runs('late')).toBe(1), { timeout: 20_000, interval: 100 });
    expect(await reach(id)).toMatchObject({ StatusDetails: 'DeliveryTimedOut' });
  });

  it('never delivers a lost command', async () => {
    world.faults.add({ kind: 'ssm-lost', times: 1 });
    const end = await run('echo run >> "$FOLDER/lost"', { TimeoutSeconds: 30 });
    expect(end).toMatchObject({ Status: 'TimedOut', StatusDetails: 'DeliveryTimedOut' });
    expect(runs('lost')).toBe(0);
  });
});

// Each of these waits for seconds: together they take no longer than one.
describe.concurrent('what takes long', () => {
  it('is killed at its execution timeout, in real seconds however fast the clock runs', async () => {
    const end = await run('echo before; sleep 30', {
      Parameters: { commands: ['echo before; sleep 30'], executionTimeout: ['5'] },
    });
    expect(end).toMatchObject({
      Status: 'TimedOut',
      StatusDetails: 'ExecutionTimedOut',
      StandardOutputContent: 'before\n',
    });
    expect(Number(/PT(.*)S/.exec(end.ExecutionElapsedTime ?? '')?.[1])).toBeGreaterThanOrEqual(5);
  });

  it('is still called online for five minutes, while its connection status is fresh', async () => {
    const ping = async (): Promise<string | undefined> => {
      const { InstanceInformationList } = await world.client.send(
        new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [third] }] }),
      );
      return InstanceInformationList?.[0]?.PingStatus;
    };
    world.fleet.setAgent(third, 'offline');
    expect(await ping()).toBe('Online');
    const { Status } = await world.client.send(new GetConnectionStatusCommand({ Target: third }));
    expect(Status).toBe('notconnected');
    await vi.waitFor(async () => expect(await ping()).toBe('ConnectionLost'), { timeout: 10_000, interval: 200 });
    world.fleet.setAgent(third, 'online');
    expect(await ping()).toBe('Online');
  });

  it('never reports when its instance stops in the middle', async () => {
    const id = await send('sleep 0.5', {
      InstanceIds: [second],
      TimeoutSeconds: 30,
      Parameters: { commands: ['sleep 0.5'], executionTimeout: ['5'] },
    });
    await reach(id, 'InProgress', second);
    world.fleet.setState(second, 'stopping');
    world.fleet.setState(second, 'stopped');
    world.fleet.setState(second, 'running');
    expect(await reach(id, undefined, second)).toMatchObject({
      Status: 'TimedOut',
      StatusDetails: 'ExecutionTimedOut',
    });
  });
});
