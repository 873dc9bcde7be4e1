import type { AccessEntry } from '../../src/sandbox/load-balancer/access-log.js';
import { failed } from '../e2e/kit.js';
import type { Scenario } from './case.js';

/**
 * Failed requests for which deployctl is to blame: all of them, unless the release was well at first and died by itself. Then those are its own that reached it, or what
 * was left of it (what a target was last seen to run says so, or that the last thing that was done on the instance was a start), and those that reached an
 * instance that was just being put back while no other target of the service was healthy: nobody could have served them.
 * @param events of the sandbox's events.log
 */
export function toBlameFor(
  fate: Scenario['fate'],
  entries: readonly AccessEntry[],
  good: ReadonlySet<string>,
  events: string,
): readonly AccessEntry[] {
  if (fate !== 'dies') return failed(entries);
  const changes = changesIn(events);
  const last = new Map<string, string>();
  const bad: AccessEntry[] = [];
  const wrong = new Set(failed(entries));
  for (const entry of entries) {
    const { target, digest } = entry;
    if (target !== null && digest !== null) last.set(target, digest);
    if (!wrong.has(entry)) continue;
    const reached = digest ?? (target === null ? undefined : last.get(target));
    if ((reached === undefined || good.has(reached)) && !hasStarted(changes, entry) && !isAlone(changes, events, entry))
      bad.push(entry);
  }
  return bad;
}

/** What deployctl did to the containers of an instance. */
interface Change {
  readonly instance: string;
  readonly phase: string;
  readonly ends: boolean;
  /** ms */
  readonly at: number;
}

function changesIn(events: string): readonly Change[] {
  return [...events.matchAll(/^(\S+) (i-\w+) (begins|ends) deployctl \S+ (start|restore|stop) /gm)].map(
    ([, at = '', instance = '', how, phase = '']) => ({
      instance,
      phase,
      ends: how === 'ends',
      at: Number(at) * 1000,
    }),
  );
}

/** Whether nothing listened on an instance on which a start was the last thing, and was over. */
function hasStarted(changes: readonly Change[], { target, digest, time }: AccessEntry): boolean {
  if (target === null || digest !== null) return false;
  const [instance] = target.split(':');
  const before = changes.filter((each) => each.instance === instance && each.at <= Date.parse(time));
  const latest = before.at(-1);
  return latest?.phase === 'start' && latest.ends;
}

/** Whether the target was being put back, and no other one on its port was healthy. */
function isAlone(changes: readonly Change[], events: string, { target, time }: AccessEntry): boolean {
  if (target === null) return false;
  const [instance, port = ''] = target.split(':');
  const at = Date.parse(time);
  const latest = changes.filter((each) => each.instance === instance && each.at <= at).at(-1);
  if (latest?.phase !== 'restore' || latest.ends) return false;
  const healthy = new Set<string>();
  for (const [, when = '', before, name = '', after] of events.matchAll(
    /^(\S+) (?:(register|deregister) )?(i-\w+:\d+)(?: (healthy|unhealthy))?$/gm,
  )) {
    if (Number(when) * 1000 > at) break;
    if (!name.endsWith(`:${port}`)) continue;
    if (before === undefined && after === 'healthy') healthy.add(name);
    else healthy.delete(name);
  }
  healthy.delete(target);
  return healthy.size === 0;
}
