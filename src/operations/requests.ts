import type { Digest } from '../domain/ids.js';
import type { Plan } from '../domain/plan.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Release } from '../domain/release.js';
import type { PossibleRequest } from '../engine/act.js';
import { possibleRequests } from '../engine/act.js';
import { servicePlans } from './plan.js';
import type { Finding } from './preflight.js';
import type { Toolbox } from './toolbox.js';
import type { Topology } from './topology.js';

/**
 * Whatever the plan may have to send can be sent: to start the new release, and to bring back the old one. What cannot is found out here, and not when an
 * instance was drained for it.
 */
export function judgeRequests(box: Pick<Toolbox, 'hosts'>, plan: Plan): readonly Finding[] {
  const findings: Finding[] = [];
  const told = new Set<string>();
  const possible = possibleRequests(plan);
  // Those of a service first: what is wrong with one request for all services is wrong with one of them, and is named there.
  for (const each of [...possible.filter(({ service }) => service !== undefined), ...possible]) {
    const flaw = box.hosts.flaw(each.request, each.timeout);
    if (flaw === undefined) continue;
    const key = flaw.tooLarge ? whatOf(plan, each) : `${each.service ?? ''} ${flaw.message}`;
    const known = told.has(key) || (each.service === undefined && told.has(flaw.message));
    told.add(key).add(flaw.message);
    if (known) continue;
    findings.push({
      level: isLeft(plan, each) ? 'warn' : 'refuse',
      text: `${whatOf(plan, each)} cannot be sent to an instance: ${flaw.message}`,
      fix: fixOf(plan, each, flaw.tooLarge),
    });
  }
  return findings;
}

/** A rollback needs nothing of the release that it leaves, unless it fails itself. */
function isLeft({ kind, services }: Plan, { request }: PossibleRequest): boolean {
  if (kind !== 'rollback' || !('release' in request)) return false;
  return services.every(({ to }) => to.release !== request.release);
}

/** What goes wrong is told in so many characters at most (`shorten` in drive.ts), in words that do not repeat. */
const LONGEST_REASON =
  'start of backend failed (check-failed): check GET /api/orders?limit=20: 3 of 5 requests failed, allowed are 1 of 5 (wanted status 200-299); last probe: 503 Service Unavailable, upstream connect error or disconnect/reset before headers; container exited with 137 after its third restart. The previous release could not be brought back on web-07 (i-0fedcba9876543210) within its deadline: docker says "Error response from daemon: driver failed programming external connectivity on endpoint frontend: Bind for 0.0.0.0:8091 failed, port is already allocated by another process", and jq, nginx and vim logged unfamiliar quirks.';

/**
 * A record grows while the rollout goes on: by the weights that it means to write and has written, and by why it ends. One that would not fit any more then
 * would end the rollout in the midst.
 */
export function judgeRecord(box: Pick<Toolbox, 'state'>, plan: Plan, record: RolloutRecord): readonly Finding[] {
  const until = plan.deadline;
  const weights = Object.fromEntries(
    Object.entries(record.weightsBefore).map(([route, groups]) => [
      route,
      groups.map((each) => ({ ...each, weight: 999 })),
    ]),
  );
  const flaw = box.state.recordFlaw({
    ...record,
    aim: { to: 'old', epoch: 1, because: LONGEST_REASON, askedBy: record.by },
    weightsIntended: weights,
    weightsLast: record.weightsBefore,
    tasks: Object.fromEntries(plan.services.map(({ service }) => [service, 'succeeded'])),
    phase: LONGEST_REASON.slice(0, 200),
    waits: [0, 160, 320].map((at) => ({ what: LONGEST_REASON.slice(at, at + 160), until })),
    endedAt: until,
    outcome: 'rolled-back',
    reason: LONGEST_REASON,
  });
  if (flaw === undefined) return [];
  const { environment } = plan;
  const routes = String(Object.keys(record.weightsBefore).length);
  const text = `the record of a rollout of ${environment} would not fit into Parameter Store before its end (${routes} routes, ${String(plan.services.length)} services): ${flaw}`;
  return [
    {
      level: plan.kind === 'rollback' ? 'warn' : 'refuse',
      text,
      fix: `split environments.${environment} in deployctl.yml: fewer routes and services in one environment`,
    },
  ];
}

/** The plan of a rollout of what the configuration says, with the images that serve, for those who have no goal yet. */
export function configuredPlan(plan: Plan, topology: Topology): Plan {
  const nothing: Digest = `sha256:${'0'.repeat(64)}`;
  const services = topology.services.map(({ settings: { name, repository, run } }) => {
    const image = plan.from.services[name]?.spec.image ?? { repository, digest: nothing };
    return [name, { release: 'next', spec: { ...run, image } }] as const;
  });
  const to: Release = { ...plan.to, services: Object.fromEntries(services) };
  const live = Object.fromEntries(plan.services.map((service) => [service.service, service.live]));
  return { ...plan, to, services: servicePlans(topology, { live }, plan.from, to) };
}

function whatOf(plan: Plan, { request }: PossibleRequest): string {
  switch (request.phase) {
    case 'inspect':
      return 'the inspection of all services';
    case 'pull':
      return 'the pull of all images';
    case 'task':
      return `the one-off task of ${request.service}`;
    case 'quiet':
    case 'stop':
      return `the stop of ${request.slot.service}`;
    case 'start':
    case 'restore': {
      const { service } = request.slot;
      const isNew = plan.services.some((each) => each.service === service && each.to.release === request.release);
      return `${isNew && plan.kind === 'rollout' ? 'the new release' : `release ${request.release}`} of ${service}`;
    }
  }
}

function fixOf(plan: Plan, { request, service }: PossibleRequest, tooLarge: boolean): string {
  const stored = (request.phase === 'start' || request.phase === 'restore') && isStored(plan, request.release);
  if (stored) return `deployctl history --env ${plan.environment}   # what else has served here`;
  const where = service === undefined ? 'the services' : `services.${service}`;
  if (tooLarge) return `move large values of ${where} into env-files on the instances, or into secrets`;
  return `correct ${where} in deployctl.yml`;
}

/** What was rolled out once is not changed by a change of the configuration. */
function isStored(plan: Plan, release: string): boolean {
  const isGoal = plan.services.some(({ to }) => to.release === release);
  return plan.kind !== 'rollout' || (!isGoal && !release.startsWith('adopted-'));
}
