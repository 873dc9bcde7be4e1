import { describe, expect, it } from 'vitest';
import { useBench } from './wire.js';

const bench = useBench();
const now = Math.floor(Date.now() / 1000);
const instanceOf = (n: number): `i-${string}` => `i-${String(n).padStart(17, '0')}`;
const fleet = (size: number): readonly `i-${string}`[] => Array.from({ length: size }, (_, n) => instanceOf(n));
const command = (n: number): string => `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`;

const send = (instance: `i-${string}`, script = 'true'): Promise<string> =>
  bench().aws.runner.send({ instance, script, comment: 'deployctl shop', timeout: 60_000 });
const sendAll = (instances: readonly `i-${string}`[]): Promise<string[]> =>
  Promise.all(instances.map((each) => send(each)));
const idsOf = (json: Readonly<Record<string, unknown>> | undefined): readonly string[] =>
  json?.['InstanceIds'] as readonly string[];

function takes(): void {
  bench().wire.on('SendCommand', (_, times) => ({
    json: { Command: { CommandId: command(times), RequestedDateTime: now } },
  }));
}

describe('the same script to many instances at once', () => {
  it('is one call for each fifty, and an id for each instance', async () => {
    takes();
    const ids = await sendAll(fleet(120));
    const calls = bench().wire.of('SendCommand');
    expect(calls.map(({ json }) => idsOf(json).length).sort()).toEqual([20, 50, 50]);
    expect(new Set(ids).size).toBe(120);
  });

  it('a failure on one stops no other', async () => {
    takes();
    await sendAll(fleet(3));
    expect(bench().wire.calls[0]?.json).toMatchObject({ MaxConcurrency: '3', MaxErrors: '3' });
  });

  it('another script, or the same instance again, is another call', async () => {
    takes();
    await Promise.all([send(instanceOf(1)), send(instanceOf(2), 'false'), send(instanceOf(1))]);
    expect(bench().wire.of('SendCommand')).toHaveLength(3);
  });

  it('the one that SSM does not take is found out, the others get theirs', async () => {
    bench().wire.on('SendCommand', (seen, times) =>
      idsOf(seen.json).includes(instanceOf(5))
        ? { error: 'InvalidInstanceId', message: 'not in a valid state' }
        : { json: { Command: { CommandId: command(times), RequestedDateTime: now } } },
    );
    const results = await Promise.allSettled(fleet(8).map((each) => send(each)));
    expect(results.map(({ status }) => status)).toEqual(
      fleet(8).map((each) => (each === instanceOf(5) ? 'rejected' : 'fulfilled')),
    );
    expect(results[5]).toMatchObject({ reason: { kind: 'invalid' } });
  });

  it('a lost answer is lost for each, and nothing is sent again', async () => {
    bench().wire.on('SendCommand', 'cut');
    const results = await Promise.allSettled(fleet(8).map((each) => send(each)));
    expect(results).toHaveLength(8);
    for (const result of results) expect(result).toMatchObject({ reason: { kind: 'network' } });
    expect(bench().wire.of('SendCommand')).toHaveLength(1);
  });
});

describe('reading what was sent together', () => {
  const invocation = (n: number, Status: string, output?: string): object => ({
    CommandId: command(1),
    InstanceId: instanceOf(n),
    Status,
    CommandPlugins: output === undefined ? [] : [{ StatusDetails: Status, ResponseCode: 0, Output: output }],
  });

  async function answers(...invocations: object[]): Promise<readonly unknown[]> {
    takes();
    bench().wire.on('ListCommandInvocations', { json: { CommandInvocations: invocations } });
    bench().wire.on('GetCommandInvocation', (seen) => ({
      json: {
        ...seen.json,
        Status: 'Success',
        StatusDetails: 'Success',
        ResponseCode: 0,
        StandardOutputContent: 'fetched\n',
      },
    }));
    const ids = await sendAll(fleet(3));
    const asked = ids.map((id, n) => ({ id, instance: instanceOf(n) }));
    const states = await bench().aws.runner.poll(asked);
    return ids.map((id) => states.get(id));
  }

  it('is one listing, with the output', async () => {
    const states = await answers(
      invocation(0, 'Success', '{"ok":true}\n'),
      invocation(2, 'InProgress'),
      invocation(1, 'Success', '{"ok":false}\n\n----------ERROR-------\nnoise'),
    );
    expect(states).toEqual([
      { is: 'finished', exitCode: 0, stdout: '{"ok":true}\n', stderr: '' },
      { is: 'finished', exitCode: 0, stdout: '{"ok":false}\n', stderr: '' },
      { is: 'running' },
    ]);
    expect(bench().wire.of('ListCommandInvocations')).toHaveLength(1);
    expect(bench().wire.of('ListCommandInvocations')[0]?.json).toMatchObject({ CommandId: command(1), Details: true });
    expect(bench().wire.of('GetCommandInvocation')).toHaveLength(0);
  });

  it('fetches an output that is cut, or whose first line has no end, or of a failure', async () => {
    const states = await answers(
      invocation(0, 'Success', '{"ok":tr\n---Output truncated---'),
      invocation(1, 'Success', '{"ok":'),
      invocation(2, 'Failed', 'no\n'),
    );
    for (const state of states) expect(state).toMatchObject({ stdout: 'fetched\n' });
    expect(
      bench()
        .wire.of('GetCommandInvocation')
        .map(({ json }) => json),
    ).toEqual(fleet(3).map((InstanceId) => ({ CommandId: command(1), InstanceId })));
  });

  it('what SSM does not list yet is pending', async () => {
    expect(await answers(invocation(1, 'Pending'))).toEqual([{ is: 'pending' }, { is: 'pending' }, { is: 'pending' }]);
  });

  it('asks for as many commands at a time as a tick can wait for, and for the others next time', async () => {
    takes();
    bench().wire.on('ListCommandInvocations', { json: { CommandInvocations: [] } });
    const instances = fleet(50 * 20);
    const ids = await sendAll(instances);
    const asked = ids.map((id, n) => ({ id, instance: instances[n] ?? instanceOf(0) }));
    await bench().aws.runner.poll(asked);
    await bench().aws.runner.poll(asked);
    const listed = bench()
      .wire.of('ListCommandInvocations')
      .map(({ json }) => json['CommandId']);
    expect(listed).toHaveLength(32);
    expect(new Set(listed).size).toBe(20);
  });
});
