import type { Decision } from '../domain/decision.js';
import type { Ms } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import type { RolloutRecord } from '../domain/record.js';

/*
 * What a rollout waits for, as other terminals see it in the record: few, short, and not written more often than somebody reads it.
 */

export type StoredWait = NonNullable<RolloutRecord['waits']>[number];

/** Within one phase. A new phase is stored at once. */
export const STORE_WAITS_EVERY: Ms = 10_000;
const MOST = 3;
const LONGEST = 160;
/** Ends of waits that are counted from each observation move along with it. */
const SAME_END: Ms = 60_000;

/** `backend on shop-1: requests in flight finish`. */
export function waitsOf(decision: Extract<Decision, { readonly waits: unknown }>, seen: Observation): StoredWait[] {
  const fleet = seen.fleet.is === 'known' ? seen.fleet.value : [];
  return decision.waits.slice(0, MOST).map(({ what, instance, service, until }) => {
    const name = fleet.find(({ id }) => id === instance)?.name ?? instance;
    const where = [service, name].filter((part) => part !== undefined).join(' on ');
    const text = where === '' ? what : `${where}: ${what}`;
    return { what: text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text, until };
  });
}

export function differ(before: readonly StoredWait[], after: readonly StoredWait[]): boolean {
  return (
    before.length !== after.length ||
    before.some(({ what, until }, index) => {
      const other = after[index];
      return other?.what !== what || Math.abs(other.until - until) > SAME_END;
    })
  );
}

/** Whether a target waits for its first health check: that is a matter of seconds, and then the next thing is due. */
export function isChangeDue({ targets }: Observation): boolean {
  return [...targets.values()].some(
    (group) => group.is === 'known' && [...group.value.values()].some(({ state }) => state === 'initial'),
  );
}
