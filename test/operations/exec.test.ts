import { describe, expect, it } from 'vitest';
import { PortError } from '../../src/domain/errors.js';
import type { CommandState } from '../../src/engine/ports.js';
import type { ExecResult } from '../../src/operations/exec.js';
import { exec } from '../../src/operations/exec.js';
import { documentSchemas } from '../../src/presentation/schemas/documents.js';
import { stoppedText } from '../../src/presentation/containers.js';
import { Shop } from '../messages/world.js';

const ran = (output: string, code = 0): CommandState => ({
  is: 'finished',
  exitCode: 0,
  stdout: `${String(code)} ${String(output.length)} 0\n${output}`,
  stderr: '',
});
const failure = (kind: PortError['kind'], operation: string): PortError =>
  new PortError({ kind, operation, message: `${operation}: ${kind}` });

/** Runs `hostname` on three instances. How the command of each instance ends, by number; what is thrown when it is sent, or asked for. */
async function onThree(
  answers: Readonly<Record<number, CommandState>>,
  faults: {
    readonly send?: Readonly<Record<number, PortError>>;
    readonly poll?: Readonly<Record<number, PortError>>;
  } = {},
): Promise<ExecResult> {
  const shop = await Shop.open({ fleet: 3 });
  for (const { boxes } of shop.world.hosts.values())
    boxes.splice(0, boxes.length, ...boxes.map((each) => ({ ...each, id: 'c0ffee'.repeat(11).slice(0, 64) })));
  return shop.anna((box) => {
    let sent = 0;
    const runner = {
      ...box.runner,
      send: () => {
        sent += 1;
        const fault = faults.send?.[sent];
        return fault === undefined ? Promise.resolve(`command-${String(sent)}`) : Promise.reject(fault);
      },
      poll: () => {
        const fault = faults.poll?.[sent];
        const answer = answers[sent];
        if (fault !== undefined) return Promise.reject(fault);
        return Promise.resolve(new Map(answer === undefined ? [] : [[`command-${String(sent)}`, answer] as const]));
      },
    };
    return exec({ ...box, runner }, { service: 'backend' }, ['hostname'], 5000);
  });
}

describe('exec on several instances', () => {
  it('runs on each of them', async () => {
    const result = await onThree({ 1: ran('one'), 2: ran('two', 3), 3: ran('three') });
    expect(result).toMatchObject({ ok: false, exitCode: 1, next: [] });
    expect(result.results.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual([
      [0, 'one'],
      [3, 'two'],
      [0, 'three'],
    ]);
    expect(result.stopped).toBeUndefined();
  });

  const lostSend = new PortError({
    kind: 'timeout',
    operation: 'ssm:SendCommand',
    message: 'no answer',
  });
  it.each([
    ['its command was killed', { 2: { is: 'killed', why: 'killed' } as const }, {}, true],
    ['its command was refused', {}, { send: { 2: failure('access-denied', 'ssm:SendCommand') } }, false],
    ['the answer to its send was lost', {}, { send: { 2: lostSend } }, true],
    ['its result cannot be asked for', {}, { poll: { 2: failure('access-denied', 'ssm:GetCommandInvocation') } }, true],
    ['it never answered', {}, {}, true],
  ] as const)(
    'keeps what came before, and leaves the others alone, where %s',
    async (_name, answers, faults, mayHaveRun) => {
      const result = await onThree({ 1: ran('one'), ...answers }, faults);
      expect(documentSchemas.exec.safeParse(result).error).toBeUndefined();
      expect(result).toMatchObject({
        ok: false,
        exitCode: 14,
        results: [{ name: 'web-01', stdout: 'one' }],
        stopped: { name: 'web-02', mayHaveRun, notRunOn: ['web-03'] },
      });
      expect(result.next.slice(-2)).toEqual([
        'deployctl exec backend --env sim --instance i-00000002 -- …',
        'deployctl exec backend --env sim --instance i-00000003 -- …',
      ]);
      const text = result.stopped === undefined ? '' : stoppedText(result.stopped);
      expect(text).toMatch(mayHaveRun ? /no result, it may have run: / : /it did not run: /);
      expect(text).toMatch(/it did not run on web-03 either$/);
      // The message for a single instance would be wrong here, or repeated.
      expect(text).not.toMatch(/Nothing was changed|the command on|gave no result/);
    },
  );

  it('is refused where the first one cannot be sent to', async () => {
    const act = onThree({}, { send: { 1: failure('access-denied', 'ssm:SendCommand') } });
    await expect(act).rejects.toMatchObject({ code: 'aws.access-denied', exitCode: 12 });
  });
});
