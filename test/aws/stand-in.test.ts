import { expect, it } from 'vitest';
import { createStandIn } from '../../src/aws/stand-in.js';
import type { Way } from '../../src/aws/stand-in.js';
import { messageOf, PortError } from '../../src/domain/errors.js';
import type { PortErrorKind } from '../../src/domain/errors.js';
import { ManualClock } from '../_helpers/manual-clock.js';

const list = 'ssm:ListCommandInvocations';
const get = 'ssm:GetCommandInvocation';
const failure = (operation: string, kind: PortErrorKind, serviceCode?: string): PortError =>
  new PortError({ kind, operation, message: `${operation}: ${kind}`, serviceCode });

function setUp() {
  const clock = new ManualClock();
  const told: string[] = [];
  const asked: string[] = [];
  const standIn = createStandIn(clock, (level, text) => told.push(`${level} ${text}`));
  const way = (operation: typeof list | typeof get, ask: Way<string>['ask']): Way<string> => ({
    operation,
    ask: (signal, repeats) => {
      asked.push(operation);
      return ask(signal, repeats);
    },
  });
  const answers = (operation: typeof list | typeof get) => way(operation, () => Promise.resolve(`by ${operation}`));
  const fails = (operation: typeof list | typeof get, kind: PortErrorKind, code?: string) =>
    way(operation, () => Promise.reject(failure(operation, kind, code)));
  const hangs = (operation: typeof list | typeof get) =>
    way(
      operation,
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(failure(operation, 'aborted')), { once: true });
        }),
    );
  return { clock, told, asked, standIn, way, answers, fails, hangs };
}

it('asks nobody else where the first one answers', async () => {
  const { clock, told, asked, standIn, answers } = setUp();
  expect(await standIn(answers(list), answers(get), undefined)).toBe(`by ${list}`);
  expect([asked, told]).toEqual([[list], []]);
  await clock.advance(60_000);
  expect(clock.sleeping).toBe(0);
});

it.each(['access-denied', 'timeout', 'network', 'server', 'throttled'] as const)(
  'asks the other one where the first one fails (%s), says so once, and asks the other one first for a minute',
  async (kind) => {
    const { clock, told, asked, standIn, answers, fails } = setUp();
    expect(await standIn(fails(list, kind), answers(get), undefined)).toBe(`by ${get}`);
    expect(await standIn(fails(list, kind), answers(get), undefined)).toBe(`by ${get}`);
    expect(asked).toEqual([list, get, get]);
    const advice = kind === 'access-denied' ? `; allow ${list} for this identity` : '';
    expect(told).toEqual([
      `warning ${list}: ${kind}${advice}. deployctl asks ${get} instead, which gives the same answer`,
    ]);
    await clock.advance(60_000);
    expect(await standIn(answers(list), answers(get), undefined)).toBe(`by ${list}`);
  },
);

it.each([
  ['not-found', undefined],
  ['invalid', undefined],
  ['expired-credentials', undefined],
  ['aborted', undefined],
  ['access-denied', 'CredentialsProviderError'],
] as const)('takes a no to the question, or to the identity, for an answer: %s %s', async (kind, code) => {
  const { asked, standIn, answers, fails } = setUp();
  await expect(standIn(fails(list, kind, code), answers(get), undefined)).rejects.toMatchObject({
    kind,
    operation: list,
  });
  expect(asked).toEqual([list]);
});

it('does not wait long for one that is silent, and takes whichever answers first', async () => {
  const { clock, told, standIn, answers, hangs } = setUp();
  const begun = clock.monotonic();
  expect(await clock.run(standIn(hangs(list), answers(get), undefined))).toBe(`by ${get}`);
  expect(clock.monotonic() - begun).toBe(3000);
  expect(told).toEqual([
    `warning ${list}: no answer within 3 s. deployctl asks ${get} instead, which gives the same answer`,
  ]);
});

it('keeps the first one, when it was only slow and the other one does not work', async () => {
  const { clock, told, standIn, way, fails } = setUp();
  const slow = way(list, async (signal) => {
    await clock.sleep(8000, signal);
    return 'late';
  });
  expect(await clock.run(standIn(slow, fails(get, 'access-denied'), undefined))).toBe('late');
  expect(told).toEqual([]);
});

it('asks nobody else while it is told to slow down', async () => {
  const { clock, asked, standIn, way, answers } = setUp();
  const throttled = way(list, async (signal, repeats) => {
    repeats?.(failure(list, 'throttled'));
    await clock.sleep(8000, signal);
    return 'late';
  });
  expect(await clock.run(standIn(throttled, answers(get), undefined))).toBe('late');
  expect(asked).toEqual([list]);
});

it('names both where both fail: either one would do', async () => {
  const { standIn, fails } = setUp();
  const error: unknown = await standIn(fails(list, 'server'), fails(get, 'access-denied'), undefined).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ kind: 'server', operation: list });
  expect(messageOf(error)).toBe(`${list}: server; and ${get}: access-denied; allow ${get} for this identity`);
});

it('ends with the signal', async () => {
  const { standIn, hangs, answers } = setUp();
  const stop = new AbortController();
  const work = standIn(hangs(list), answers(get), stop.signal);
  stop.abort(new Error('enough'));
  await expect(work).rejects.toMatchObject({ kind: 'aborted' });
});
