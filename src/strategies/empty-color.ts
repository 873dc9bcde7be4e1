import type { Color, Instant } from '../domain/ids.js';
import type { Action, Wait } from '../domain/decision.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { isRegistered, NO_EFFECT, slotKey } from '../domain/observation.js';
import { colorOf, holderOf, isExcluded, membersOf, releaseOf, targetOf, valueOf } from './standing.js';
import { drained } from './drain.js';
import { unbind } from './shift.js';
import type { Work } from './work.js';
import { mergeTargets, watchOf } from './work.js';

/**
 * Takes a color that gets no traffic out of service: deregister once the weights have been 0 for the settle time, let it drain, stop its containers
 * and keep them. `only`: leaves containers of other releases alone, and with them instances that were not touched.
 */
export function emptyColor(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
  colorName: Color,
  only: string | undefined,
): Work {
  const color = colorOf(service, colorName);
  const actions: Action[] = [];
  const waits: Wait[] = [];
  let unread: string | undefined;
  for (const instance of membersOf(plan, fleet, colorName)) {
    const host = seen.hosts.get(instance.id);
    const target = targetOf(seen, color, instance.id);
    const wait = (what: string, until: Instant): void => {
      waits.push({ what, until, instance: instance.id, service: service.service });
    };
    const excluded = isExcluded(plan, instance);
    const containers = valueOf(host?.containers);
    const occupant = containers === undefined ? undefined : holderOf(containers, service, color);
    if (!excluded && host?.op.is === 'running') {
      wait(`${host.op.phase} runs on the instance`, host.op.until);
      continue;
    }
    if (!excluded && (containers === undefined || host?.op.is === 'lost')) {
      // Its containers are unknown: look, but never wait for it longer than one command may take.
      const since = host?.containers.is === 'unknown' ? host.containers.since : now;
      if (now < since + plan.timing.hostCommand) {
        actions.push({ is: 'inspect', instance: instance.id });
        wait('its containers are read', since + plan.timing.hostCommand);
        continue;
      }
    }
    const untouched = only !== undefined && occupant !== undefined && releaseOf(occupant) !== only;
    if (untouched) continue;
    if (target === undefined) {
      const group = seen.targets.get(color.group);
      const until = (group?.is === 'unknown' ? group.since : now) + plan.timing.healthTimeout;
      if (now >= until) unread = group?.is === 'unknown' ? group.why : 'not read';
      else wait('its target group is read', until);
      continue;
    }
    const failure = host?.failures.get(slotKey(service.service, colorName));
    // It was tried, and AWS or the instance does not do it: whoever reads the outcome is told, and nobody waits for it.
    if (failure?.code === NO_EFFECT) continue;
    if (isRegistered(target)) {
      const bound = unbind(plan, seen, service);
      if (bound.length > 0) return { actions: bound, waits: [], turns: [], bad: [], complete: false };
      const settled = (target.unroutedSince ?? now) + plan.timing.settle;
      if (target.unroutedSince !== undefined && now >= settled) {
        actions.push({ is: 'deregister', group: color.group, targets: [{ instance: instance.id, port: color.port }] });
      } else wait('the load balancer may still send it requests', settled);
      continue;
    }
    if (target.state === 'draining') {
      const there = excluded || containers === undefined ? 'unknown' : (occupant ?? 'nothing');
      const drain = drained(plan, now, service, color, target, host, there);
      if (drain.is === 'on') {
        if (drain.watch && occupant !== undefined) actions.push(watchOf(instance.id, service, colorName, occupant));
        wait('requests in flight finish', drain.until);
        continue;
      }
    }
    if (excluded || occupant === undefined || host === undefined) continue;
    if (failure?.phase === 'stop') continue;
    const settled = (target.unroutedSince ?? now) + plan.timing.settle;
    if (now < settled) wait('the load balancer may still send it requests', settled);
    else actions.push({ is: 'stop', instance: instance.id, service: service.service, color: colorName });
  }
  return {
    actions: mergeTargets(actions),
    waits,
    turns: [],
    bad: [],
    complete: actions.length === 0 && waits.length === 0,
    ...(unread === undefined
      ? {}
      : { failure: `${service.service}: the targets of ${colorName} cannot be read: ${unread}` }),
  };
}
