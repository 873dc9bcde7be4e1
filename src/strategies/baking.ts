import type { Instant } from '../domain/ids.js';
import type { Decision } from '../domain/decision.js';
import type { Observation } from '../domain/observation.js';
import { slotKey } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { judgeGates } from './gates.js';
import type { Standing } from './standing.js';
import { lookBefore } from './standing.js';
import { isChanged } from './preload.js';
import { promotedSince } from './steering.js';
import { waitingSince } from './waiting.js';
import { oneCommandPerHost } from './work.js';

/**
 * Watches the new release for `timing.bake` under this key, or until someone promotes it. Towards its end every container is looked at once more: one that crashed and was restarted is
 * healthy again within a moment. Returns undefined when the bake is over and passed.
 * @param last no other bake follows: then that look comes after the end, so that nothing which ended within the bake is missed
 */
export function bake(
  plan: Plan,
  seen: Observation,
  now: Instant,
  key: string,
  standings: readonly Standing[],
  last: boolean,
): Decision | undefined {
  const since = seen.bake?.key === key ? seen.bake.since : now;
  const promoted = promotedSince(plan, seen, since);
  const end = Math.min(since + plan.timing.bake, promoted?.since ?? Infinity);
  const over = now >= end;
  const lookFrom = last ? end : lookBefore(plan, end, since);
  const latest = dataDue(plan, seen, since, end);
  const final = over && now >= latest;
  // Whoever promotes has judged what is inconclusive; a failure stays a failure.
  const verdict = judgeGates(plan.gates, seen.probes, seen.commands, final && promoted === undefined);
  if (verdict.is === 'fail') return { is: 'abort', reason: verdict.why };
  const gated = plan.gates.probes.length + plan.gates.commands.length > 0;
  const what = gated ? `bake: ${verdict.why}` : 'bake: targets and containers are watched (no gates are configured)';
  const unseen = standings.filter((standing) => {
    if (standing.place !== 'serving' || !isChanged(standing.service)) return false;
    const verified = seen.hosts
      .get(standing.instance.id)
      ?.verified.get(slotKey(standing.service.service, standing.color.color));
    return verified !== undefined && verified.at < lookFrom;
  });
  const instances = [...new Set(unseen.map((standing) => standing.instance.id))];
  const [first, ...rest] = instances.filter((id) => seen.hosts.get(id)?.op.is === 'idle');
  const reason = 'the containers are looked at once more';
  if (first !== undefined && now >= lookFrom) {
    const [head, ...tail] = oneCommandPerHost([first, ...rest].map((instance) => ({ is: 'inspect', instance })));
    if (head !== undefined) return { is: 'act', actions: [head, ...tail], waits: [], reason, bake: key };
  }
  if (!over)
    return {
      is: 'wait',
      waits: [{ what, until: end }],
      recheckAt: Math.min(now < lookFrom ? lookFrom : end, now + plan.timing.poll),
      reason: what,
      bake: key,
    };
  if (verdict.is === 'inconclusive' && promoted === undefined) {
    return {
      is: 'wait',
      waits: [{ what, until: latest }],
      recheckAt: now + plan.timing.poll,
      reason: what,
      bake: key,
    };
  }
  if (instances.length > 0) {
    const until = waitingSince(seen, reason, now) + plan.timing.hostCommand;
    return {
      is: 'wait',
      waits: [{ key: reason, what: reason, until }],
      recheckAt: now + plan.timing.poll,
      reason,
      bake: key,
    };
  }
  return undefined;
}

/**
 * Until when a bake waits for gates that have no data at all: a command without a result for its own timeout, a probe without a sample for another bake. No
 * verdict is made without data. Every gate has some: -Infinity.
 */
function dataDue({ gates, timing }: Plan, { probes, commands }: Observation, since: Instant, end: Instant): Instant {
  const unsampled = gates.probes.filter(
    ({ name }) => !probes.some(({ probe, good, bad }) => probe === name && good + bad > 0),
  );
  const open = gates.commands.filter(({ name }) => !commands.some(({ gate }) => gate === name));
  return Math.max(
    -Infinity,
    ...unsampled.map(() => end + timing.bake),
    ...open.map(({ timeout }) => since + timeout + timing.poll),
  );
}
