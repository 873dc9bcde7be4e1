import { describe, expect, it } from 'vitest';
import { stateOf } from '../../src/aws/command-state.js';
import { useBench } from './wire.js';
import type { Answer } from './wire.js';

const bench = useBench();
const instance = 'i-0123456789abcdef0';
const commandId = (n: number): string => `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`;
const now = Math.floor(Date.now() / 1000);

function sendsAnswer(): void {
  bench().wire.on('SendCommand', (_, times) => ({
    json: { Command: { CommandId: commandId(times), RequestedDateTime: now } },
  }));
}
const send = (timeout = 90_000): Promise<string> =>
  bench().aws.runner.send({ instance, script: '#!/bin/sh\ntrue', comment: 'deployctl shop', timeout });
const invocation = (fields: object): Answer => ({ json: { CommandId: 'c', InstanceId: instance, ...fields } });
const listed = (n: number, Status: string, more: object = {}): object => ({
  CommandId: commandId(n),
  InstanceId: instance,
  Status,
  RequestedDateTime: now,
  ...more,
});

describe('send', () => {
  it('sends one script to one instance', async () => {
    sendsAnswer();
    expect(await send()).toBe(commandId(1));
    expect(bench().wire.calls[0]?.json).toEqual({
      DocumentName: 'AWS-RunShellScript',
      InstanceIds: [instance],
      Comment: 'deployctl shop',
      TimeoutSeconds: 60,
      Parameters: { commands: ['#!/bin/sh\ntrue'], executionTimeout: ['90'], workingDirectory: ['/'] },
    });
  });

  it.each([
    [1, '5'],
    [5_001, '6'],
    [999_999_999_999, '172800'],
  ])('%d ms is an execution timeout of %s s', async (timeout, seconds) => {
    sendsAnswer();
    await send(timeout);
    expect(bench().wire.calls[0]?.json).toMatchObject({ Parameters: { executionTimeout: [seconds] } });
  });

  it.each<[Answer, string]>([
    [{ error: 'InternalServerError', status: 500 }, 'server'],
    [{ error: 'ThrottlingException', message: 'Rate exceeded' }, 'throttled'],
    [{ error: 'InvalidInstanceId', message: 'not in a valid state' }, 'invalid'],
    ['cut', 'network'],
  ])('is never repeated: %o', async (answer, kind) => {
    bench().wire.on('SendCommand', answer);
    await expect(send()).rejects.toMatchObject({ kind, operation: 'ssm:SendCommand' });
    expect(bench().wire.calls).toHaveLength(1);
  });
});

describe('poll of a few', () => {
  const poll = async (): Promise<unknown> =>
    (await bench().aws.runner.poll([{ id: commandId(1), instance }])).get(commandId(1));

  it('a command that SSM does not know yet is pending', async () => {
    bench().wire.on('GetCommandInvocation', { error: 'InvocationDoesNotExist' });
    expect(await poll()).toEqual({ is: 'pending' });
  });

  it('gives exit code and output, and asks for them once', async () => {
    bench().wire.on('GetCommandInvocation', (_, times) =>
      times === 1
        ? invocation({ Status: 'InProgress', StatusDetails: 'InProgress', ResponseCode: -1 })
        : invocation({
            Status: 'Failed',
            StatusDetails: 'Failed',
            ResponseCode: 12,
            StandardOutputContent: 'out',
            StandardErrorContent: 'err',
          }),
    );
    expect(await poll()).toEqual({ is: 'running' });
    const finished = { is: 'finished', exitCode: 12, stdout: 'out', stderr: 'err' };
    expect(await poll()).toEqual(finished);
    expect(await poll()).toEqual(finished);
    expect(bench().wire.calls).toHaveLength(2);
  });

  it('a failing read is not a state', async () => {
    bench().wire.on('GetCommandInvocation', { error: 'AccessDeniedException', message: 'no' });
    await expect(poll()).rejects.toMatchObject({ kind: 'access-denied' });
  });
});

describe('poll of many', () => {
  const commands = [1, 2, 3, 4, 5].map((n) => ({ id: commandId(n), instance }) as const);

  it('lists once and fetches what is over, or is not in the list', async () => {
    const { wire, aws } = bench();
    sendsAnswer();
    for (const _ of commands) {
      await send();
    }
    wire.on('ListCommandInvocations', (seen) =>
      seen.json['NextToken'] === undefined
        ? { json: { CommandInvocations: [listed(5, 'InProgress'), listed(4, 'Success')], NextToken: 'n' } }
        : { json: { CommandInvocations: [listed(99, 'Success'), listed(3, 'Pending'), listed(2, 'Delayed')] } },
    );
    wire.on('GetCommandInvocation', (seen) =>
      seen.json['CommandId'] === commandId(4)
        ? invocation({ Status: 'Success', StatusDetails: 'Success', ResponseCode: 0, StandardOutputContent: '{}' })
        : { error: 'InvocationDoesNotExist' },
    );
    expect(await aws.runner.poll(commands)).toEqual(
      new Map([
        [commandId(1), { is: 'pending' }],
        [commandId(2), { is: 'pending' }],
        [commandId(3), { is: 'pending' }],
        [commandId(4), { is: 'finished', exitCode: 0, stdout: '{}', stderr: '' }],
        [commandId(5), { is: 'running' }],
      ]),
    );
    expect(
      wire
        .of('GetCommandInvocation')
        .map(({ json }) => json['CommandId'])
        .sort(),
    ).toEqual([commandId(1), commandId(4)]);
    const after = new Date((now - 60) * 1000).toISOString().replace('.000Z', 'Z');
    expect(wire.of('ListCommandInvocations')[0]?.json).toMatchObject({
      Filters: [{ key: 'InvokedAfter', value: after }],
    });
  });

  it('asks one by one for commands of another process', async () => {
    bench().wire.on('GetCommandInvocation', { error: 'InvocationDoesNotExist' });
    await bench().aws.runner.poll(commands);
    expect(bench().wire.of('GetCommandInvocation')).toHaveLength(5);
    expect(bench().wire.of('ListCommandInvocations')).toHaveLength(0);
  });
});

it('live gives what is not over and carries the prefix', async () => {
  bench().wire.on('ListCommandInvocations', {
    json: {
      CommandInvocations: [
        listed(1, 'InProgress', { Comment: 'deployctl shop 1' }),
        listed(2, 'Success', { Comment: 'deployctl shop 2' }),
        listed(3, 'Pending', { Comment: 'other' }),
        listed(4, 'Cancelling', { Comment: 'deployctl shop 4' }),
      ],
    },
  });
  const live = await bench().aws.runner.live('deployctl shop', now * 1000);
  expect(live.map(({ comment }) => comment)).toEqual(['deployctl shop 1', 'deployctl shop 4']);
});

describe('status details', () => {
  it.each([
    ['Pending', 'Pending', 'pending'],
    ['Delayed', 'Delayed', 'pending'],
    ['InProgress', 'In Progress', 'running'],
    ['Cancelling', 'Cancelling', 'running'],
    ['Success', 'Success', 'finished'],
    ['Failed', 'Failed', 'finished'],
    ['TimedOut', 'ExecutionTimedOut', 'killed'],
    ['TimedOut', 'Execution Timed Out', 'killed'],
    ['TimedOut', '', 'killed'],
    ['Cancelled', 'Cancelled', 'killed'],
    ['TimedOut', 'DeliveryTimedOut', 'undelivered'],
    ['TimedOut', 'Delivery Timed Out', 'undelivered'],
    ['Failed', 'Undeliverable', 'undelivered'],
    ['Cancelled', 'Terminated', 'undelivered'],
    ['Failed', 'InvalidPlatform', 'undelivered'],
    ['Failed', 'AccessDenied', 'undelivered'],
    ['Failed', 'SomethingNew', 'killed'],
    ['InProgress', 'SomethingNew', 'running'],
    ['Pending', 'SomethingNew', 'pending'],
    [undefined, undefined, 'running'],
  ])('%s/%s is %s', (status, details, is) => {
    expect(stateOf({ status, details, code: 0, stdout: '', stderr: '' }).is).toBe(is);
  });
});
