import type { Color } from '../../domain/ids.js';
import { targetKey } from '../../domain/ids.js';
import type { GroupFacts } from '../../engine/ports.js';
import { minimumHealthyOf } from '../../strategies/amounts.js';
import { judgeForeign } from '../foreign.js';
import { judgeGroups, seconds } from '../preflight.js';
import { membersOf } from '../present.js';
import type { Toolbox } from '../toolbox.js';
import type { PlacedService } from '../topology.js';
import type { Check } from './check.js';
import { fail, ofFinding, ok, plural, skip, warn } from './check.js';
import type { Evidence } from './evidence.js';

/** A new target waits this long for its first check, and more is only slow. */
const slowInterval = 15_000;
/** A target that went bad gets requests until it is found out. */
const slowVerdict = 60_000;
/** A drain lasts the whole delay, on each instance of a rolling rollout. */
const longDrain = 120_000;

/** Target groups: their settings against those of the services, and the health of what has the traffic. */
export function groupChecks(box: Toolbox, evidence: Evidence): readonly Check[] {
  const { topology, trouble } = evidence;
  const checks = [...trouble.groups];
  for (const group of topology.groups) {
    const found: Check[] = judgeGroups({ ...topology, groups: [group] }, evidence.model.plan).map(ofFinding);
    const foreign = evidence.seen.foreign ?? [];
    found.push(...judgeForeign(box, { ...topology, groups: [group] }, foreign, evidence.model.plan).map(ofFinding));
    found.push(...settingsOf(box, group));
    for (const service of topology.services) {
      for (const color of ['blue', 'green'] as const) {
        if (service.colors[color]?.group === group.arn) found.push(...useOf(box, evidence, group, service, color));
      }
    }
    const drain = `drains for ${seconds(group.deregistrationDelay)}`;
    const good = `${group.name}: asks ${group.healthPath} every ${seconds(group.healthInterval)}, ${drain}`;
    checks.push(...(found.length === 0 ? [ok(good)] : found));
  }
  return checks.length === 0 ? [skip('no target group could be read')] : checks;
}

function settingsOf(box: Toolbox, group: GroupFacts): readonly Check[] {
  const { healthTimeout } = box.settings.timing;
  const { name, healthInterval, unhealthyThreshold, deregistrationDelay: delay } = group;
  const checks: Check[] = [];
  const first = healthInterval + group.healthTimeout;
  if (first > healthTimeout) {
    checks.push(
      fail(
        `${name}: the first health check of a new target may take ${seconds(first)}; timing.health-timeout gives it ${seconds(healthTimeout)}`,
        'lower the health check interval of the target group, or raise timing.health-timeout',
      ),
    );
  } else if (healthInterval > slowInterval) {
    checks.push(
      warn(
        `${name}: health is checked every ${seconds(healthInterval)}, so each new target waits that long`,
        'set the health check interval of the target group to 5 to 10 seconds',
      ),
    );
  }
  if (healthInterval * unhealthyThreshold > slowVerdict) {
    checks.push(
      warn(
        `${name}: a target that goes bad gets requests for ${seconds(healthInterval * unhealthyThreshold)} (${plural(unhealthyThreshold, 'failed check')} every ${seconds(healthInterval)})`,
        'lower the interval or the unhealthy threshold of the target group',
      ),
    );
  }
  if (delay > longDrain && delay <= box.settings.timing.drainCap) {
    checks.push(
      warn(
        `${name}: every drain takes ${seconds(delay)}, even of an idle target`,
        'set deregistration_delay.timeout_seconds to 30 to 60, but above the slowest request',
      ),
    );
  }
  return checks;
}

/** What a service's color asks of its group. */
function useOf(
  box: Toolbox,
  evidence: Evidence,
  group: GroupFacts,
  service: PlacedService,
  color: Color,
): readonly Check[] {
  const checks: Check[] = [];
  const { name, run } = service.settings;
  if (group.deregistrationDelay < run.stopTimeout) {
    checks.push(
      warn(
        `${group.name}: requests are cut ${seconds(group.deregistrationDelay)} after a drain began; ${name} takes up to ${seconds(run.stopTimeout)} (stop-timeout) to end its own`,
        `raise deregistration_delay.timeout_seconds to ${seconds(run.stopTimeout)}, or lower stop-timeout`,
      ),
    );
  }
  if (evidence.live.get(name) !== color) return checks;
  const { how } = evidence.model.plan;
  const members = membersOf(box, evidence.seen.fleet, color).length;
  const { count, percent = 0 } = group.failOpenBelow;
  if (how.is === 'rolling' && members > 0) {
    const minimum = minimumHealthyOf(members, how);
    const needed = Math.max(count, Math.ceil((members * percent) / 100));
    if (minimum > 0 && minimum < needed) {
      checks.push(
        warn(
          `${group.name}: below ${String(needed)} healthy targets the load balancer sends to all of them, bad ones too (fail open); a rolling rollout goes down to ${String(minimum)}`,
          'lower unhealthy_state_routing.minimum_healthy_targets of the target group, or max-parallel',
        ),
      );
    }
  }
  return [...checks, ...healthOf(evidence, group, name)];
}

/** The group that has the traffic: who is registered, and well. */
function healthOf(evidence: Evidence, group: GroupFacts, service: string): readonly Check[] {
  const targets = evidence.seen.targets.get(group.arn);
  if (targets === undefined) return [];
  const foreign = new Set((evidence.seen.foreign ?? []).map(({ instance, port }) => targetKey(instance, port)));
  const serving = [...targets].filter(([key, { state }]) => state !== 'draining' && !foreign.has(key));
  const bad = serving.filter(([, { state }]) => state !== 'healthy');
  const named = bad.map(
    ([key, { state, description }]) => `${key} ${state}${description === undefined ? '' : ` (${description})`}`,
  );
  const look = `deployctl status, then the health path ${group.healthPath} on the instance`;
  if (serving.length === 0) {
    return [
      fail(`${group.name}: it has the traffic of ${service} and no target`, 'register the instances that run it'),
    ];
  }
  if (bad.length === serving.length) {
    return [
      fail(
        `${group.name}: no target is healthy, so the load balancer sends to all of them (fail open): ${named.join(', ')}`,
        look,
      ),
    ];
  }
  return bad.length === 0 ? [] : [warn(`${group.name}: ${named.join(', ')}`, look)];
}
