import type { AwsOperation } from '../domain/aws-calls.js';
import { isLacking, messageOf, PortError } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Clock } from '../engine/ports.js';
import { reworded } from './errors.js';
import type { Notices } from './notices.js';

/** An operation that is silent for so long is not waited for alone, where another one gives the same answer. */
const silentFor: Ms = 3_000;
/** For how long an operation that has failed is asked second. */
const restFor: Ms = 60_000;

/** One way to an answer. */
export interface Way<T> {
  readonly operation: AwsOperation;
  /** @param repeats told of each attempt that has failed and is repeated */
  readonly ask: (signal: AbortSignal, repeats?: (error: PortError) => void) => Promise<T>;
}

/** Asks one operation, and where it fails or is silent another one that gives the same answer. */
export type StandIn = <T>(first: Way<T>, second: Way<T>, signal: AbortSignal | undefined) => Promise<T>;

type Reply<T> = { readonly way: Way<T>; readonly value: T } | { readonly way: Way<T>; readonly error: unknown };

/** People hear once of an operation that another one stands in for. */
export function createStandIn(clock: Clock, notices: Notices): StandIn {
  const resting = new Map<AwsOperation, Ms>();
  const told = new Set<AwsOperation>();
  const isResting = ({ operation }: { readonly operation: AwsOperation }): boolean =>
    (resting.get(operation) ?? 0) > clock.monotonic();

  const rest = (failed: AwsOperation, other: AwsOperation, why: string): void => {
    resting.set(failed, clock.monotonic() + restFor);
    if (told.has(failed)) return;
    told.add(failed);
    notices('warning', `${why}. deployctl asks ${other} instead, which gives the same answer`);
  };

  return async (first, second, signal) => {
    const [one, other] = isResting(first) && !isResting(second) ? [second, first] : [first, second];
    const over = new AbortController();
    const stop = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    let isThrottled = false;
    const asked = replyOf(one, stop, ({ kind }) => {
      isThrottled = kind === 'throttled';
    });
    try {
      let early = await Promise.race([asked, silence(clock, stop)]);
      // Who says "slow down" does answer, and asking more elsewhere at the same time is the opposite.
      if (early === undefined && isThrottled) early = await asked;
      if (early !== undefined && isAnswer(early)) return taken(early);
      const helped = replyOf(other, stop);
      const sooner = early ?? (await Promise.race([asked, helped]));
      const final = isAnswer(sooner) ? sooner : await (sooner.way === one ? helped : asked);
      if (!isAnswer(final)) throw bothFailed(one, [sooner, final]);
      if (final.way === other) {
        const why =
          'error' in sooner ? messageOf(sooner.error) : `${one.operation}: no answer within ${silentFor / 1000} s`;
        rest(one.operation, other.operation, why);
      }
      return taken(final);
    } finally {
      over.abort(new Error('it was answered otherwise'));
    }
  };
}

function replyOf<T>(way: Way<T>, stop: AbortSignal, repeats?: (error: PortError) => void): Promise<Reply<T>> {
  return way.ask(stop, repeats).then(
    (value) => ({ way, value }),
    (error: unknown) => ({ way, error }),
  );
}

/** undefined after a while; never rejects. */
function silence(clock: Clock, stop: AbortSignal): Promise<undefined> {
  return clock.sleep(silentFor, stop).then(
    () => undefined,
    () => undefined,
  );
}

/** A value, or a no to the question itself (`not-found`, `invalid`) or to the identity as a whole: nobody else would say otherwise. */
function isAnswer(reply: Reply<unknown>): boolean {
  if (!('error' in reply)) return true;
  const { error } = reply;
  return !(error instanceof PortError && isLacking(error));
}

function taken<T>(reply: Reply<T>): T {
  if ('error' in reply) throw reply.error;
  return reply.value;
}

/** Both are named: either one would do. */
function bothFailed<T>(one: Way<T>, replies: readonly Reply<T>[]): unknown {
  const errors = [...replies]
    .sort((a, b) => Number(b.way === one) - Number(a.way === one))
    .flatMap((reply) => ('error' in reply ? [reply.error] : []));
  const [first, second] = errors;
  if (!(first instanceof PortError) || !(second instanceof PortError)) return first;
  return reworded(first, `${first.message}; and ${messageOf(second)}`);
}
