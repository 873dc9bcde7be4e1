import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Color, Instant, ServiceName } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { GroupWeight } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import type { OutcomeRecord, RolloutRecord } from '../domain/record.js';
import type { Release } from '../domain/release.js';
import type { Lease, Past } from '../state/index.js';
import { Behind, behindError, isHighest, jumpText, mostJumps, refuseBehind } from './behind.js';
import { damageFindings, pastOf } from './damage.js';
import { Fences } from './drive.js';
import { lossesOf } from './losses.js';
import { emptyFleet, sharedPorts, weightProblem } from './preflight.js';
import type { Finding } from './preflight.js';
import type { Present } from './present.js';
import { liveColor, onlyHealthy } from './present.js';
import type { Move } from './serving.js';
import { moveFindings, observed } from './serving.js';
import type { Survey } from './survey.js';
import { requireLooked, survey } from './survey.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService, Topology } from './topology.js';
import { beforeChange } from './topology.js';

/** What an operation knows before it decides anything. */
export interface Ground {
  readonly topology: Topology;
  readonly seen: Survey;
  readonly outcomes: readonly OutcomeRecord[];
  readonly past: Past;
  readonly live: ReadonlyMap<ServiceName, Color>;
  readonly present: Present;
  /** What the record says serves, as far as it can be read. */
  readonly recorded?: Release;
  /** Services that another hand has moved since the last rollout. */
  readonly moves: readonly Move[];
  readonly findings: readonly Finding[];
  readonly now: Instant;
}

/**
 * Takes the lease, runs `work` within it, and gives it back whatever happens. Where the instances follow a generation that the store has forgotten, the
 * lease is taken anew above it, and `work` runs again: it sees what it has begun by what it has stored. A lease that is lost before the first change is a refusal.
 */
export async function withLease<T>(
  box: Toolbox,
  options: { readonly command: string; readonly lockWait?: number },
  work: (lease: Lease, fences: Fences) => Promise<T>,
): Promise<T> {
  let passed: number | undefined;
  for (let jumps = 0; ; jumps += 1) {
    const lease = await acquire(box, jumps === 0 ? options : { command: options.command }, passed);
    try {
      return await work(lease, new Fences(lease.generation, passed));
    } catch (error) {
      if (!(error instanceof Behind)) throw lostBefore(error);
      if (jumps === mostJumps) throw behindError(box, error.message);
      if (!(await beforeChange(() => isHighest(box, lease)))) throw takenOver(box, error.message);
      box.emit({ type: 'note', level: 'warning', text: jumpText(box, lease, error) });
      passed = error.generation;
    } finally {
      await lease.release();
    }
  }
}

function takenOver(box: Toolbox, why: string): DeployctlError {
  return new DeployctlError({
    code: 'lease.lost',
    message: `another deployctl has taken over: ${why}`,
    exitCode: EXIT.leaseHeld,
    next: [`deployctl status --env ${box.settings.environment}`],
  });
}

function acquire(
  box: Toolbox,
  options: { readonly command: string; readonly lockWait?: number },
  passed: number | undefined,
): Promise<Lease> {
  const { lease: timing } = box.settings;
  return beforeChange(() =>
    box.state.acquireLease({
      actor: box.actor,
      command: options.command,
      ttl: timing.ttl,
      heartbeat: timing.heartbeat,
      isAlive: box.isAlive,
      signal: box.signal,
      ...(passed === undefined ? {} : { knownGeneration: passed }),
      onWait: (holder) => {
        const text =
          holder.is === 'free'
            ? 'waits for the lease'
            : `waits for the lease of ${box.settings.environment}: ${holder.why ?? 'it is held'}`;
        box.emit({ type: 'note', level: 'info', text });
      },
      ...(options.lockWait === undefined ? {} : { wait: options.lockWait }),
    }),
  );
}

/** A loss in the midst of a change is no error but an end (`drive`), so this one came before it. */
function lostBefore(error: unknown): unknown {
  if (!(error instanceof DeployctlError) || error.code !== 'lease.lost') return error;
  return new DeployctlError({
    code: 'lease.lost',
    message: `${error.message}. Nothing was changed`,
    exitCode: EXIT.leaseHeld,
    next: error.next,
    cause: error,
  });
}

/**
 * Reads everything that decisions start from. Without fences nothing at all is changed, not even on an instance.
 * @param unfinished a rollout that explains weights between two colors, and instances that run different releases
 */
export async function groundOf(
  box: Toolbox,
  topology: Topology,
  fences: Fences | undefined,
  unfinished?: RolloutRecord,
): Promise<Ground> {
  const [seen, past] = await Promise.all([survey(box, topology, fences?.next, unfinished), pastOf(box)]);
  requireLooked(seen);
  refuseBehind(box, seen);
  const passed = fences === undefined ? {} : { passed: fences.passed ?? 0 };
  return groundFrom(box, { topology, seen, past, ...passed, ...(unfinished === undefined ? {} : { unfinished }) });
}

/** What decisions start from, as it was read. */
interface Read extends Pick<Ground, 'topology' | 'seen' | 'past'> {
  readonly unfinished?: RolloutRecord;
  /** What the instances followed when the lease was taken above it; absent: no lease was taken. */
  readonly passed?: number;
}

/** What follows from what was read. */
export async function groundFrom(box: Toolbox, { topology, seen, past, unfinished, passed }: Read): Promise<Ground> {
  const { outcomes } = past;
  const now = box.clock.now();
  const { live, findings: unclear } = liveColors(box, topology, seen, unfinished);
  const findings: Finding[] = [
    ...emptyFleet(box, seen.fleet),
    ...sharedPorts(topology, box.settings.layout),
    ...unclear,
  ];
  const { present, recorded, damage, moves } = await observed(box, topology, seen, live, past, now);
  const known = recorded === undefined ? {} : { recorded };
  findings.push(...damageFindings(past), ...damage);
  // An unfinished rollout explains what differs.
  if (unfinished === undefined) {
    findings.push(...moveFindings(box.settings.environment, { ...known, moves }));
    for (const text of present.remarks) findings.push({ level: 'warn', text, fix: 'deployctl rollout converges it' });
  }
  const traces = { seen, outcomes, present, unfinished };
  findings.push(...(await beforeChange(() => lossesOf(box, traces, passed))));
  return { topology, seen, outcomes, past, live, present, ...known, moves, findings, now };
}

/** The live color of each service of which that can be said. */
export function liveColors(
  box: Toolbox,
  topology: Topology,
  seen: Survey,
  unfinished: RolloutRecord | undefined,
): { readonly live: ReadonlyMap<ServiceName, Color>; readonly findings: readonly Finding[] } {
  const live = new Map<ServiceName, Color>();
  const findings: Finding[] = [];
  for (const service of topology.services) {
    const before = unfinished?.live[service.settings.name];
    const color = liveColor(service, seen);
    if (before !== undefined && unfinished !== undefined && explains(unfinished, service, seen))
      live.set(service.settings.name, before);
    else if ('live' in color) live.set(service.settings.name, color.live);
    else findings.push(weightProblem(box, service, color, unfinished));
    findings.push(...strandedTraffic(service, seen));
  }
  return { live, findings };
}

/** Routes that give traffic to a color without a healthy target while the other color has some: their requests fail now. */
export function strandedTraffic(service: PlacedService, seen: Survey): readonly Finding[] {
  const healthy = onlyHealthy(service, seen);
  const empty = healthy === undefined ? undefined : service.colors[otherColor(healthy)];
  if (healthy === undefined || empty === undefined) return [];
  return service.routes.flatMap((arn): readonly Finding[] => {
    const route = seen.routes.get(arn);
    const weight = route?.weights.find(({ group }) => group === empty.group)?.weight ?? 0;
    if (route === undefined || weight === 0) return [];
    const name = service.settings.name;
    const text = `outage: ${route.name} gives ${name} ${empty.color} weight ${String(weight)}, and ${empty.color} has no healthy target; ${healthy} has`;
    return [{ level: 'warn', text, fix: `the next rollout or rollback moves that traffic to ${healthy} first` }];
  });
}

/** Whether all weights of a service are some that the rollout found, meant to write, or wrote. */
export function explains(record: RolloutRecord, service: PlacedService, seen: Survey): boolean {
  const groups = Object.values(service.colors).map(({ group }) => group);
  const pair = (weights: readonly GroupWeight[]): string =>
    groups.map((group) => weights.find((entry) => entry.group === group)?.weight ?? 0).join('/');
  return service.routes.every((arn) => {
    const now = seen.routes.get(arn);
    const ours = [record.weightsBefore, record.weightsIntended, record.weightsLast].map((weights) => weights?.[arn]);
    return now !== undefined && ours.some((weights) => weights !== undefined && pair(weights) === pair(now.weights));
  });
}

/** Claims what the environment manages: two environments never write the same target group, route, or fleet and port. */
export function claimed(box: Toolbox, topology: Topology): Parameters<Toolbox['state']['claim']>[0] {
  const colors = topology.services.flatMap((service) => Object.values(service.colors));
  return {
    groups: colors.map(({ group }) => group),
    routes: topology.services.flatMap(({ routes }) => routes),
    fleetPorts: [...new Set(colors.map(({ port }) => port))].map((port) => ({ fleet: box.settings.fleet, port })),
  };
}

/** Intent before the first change: claims, both releases, the record. */
export async function begin(
  box: Toolbox,
  ground: Ground,
  lease: Lease,
  made: Plan,
  record: RolloutRecord,
): Promise<void> {
  await beforeChange(async () => {
    await claim(box, ground.topology, made);
    if (ground.present.found) await box.state.putRelease(made.from, box.signal);
    if (made.to.id !== made.from.id) await box.state.putRelease(made.to, box.signal);
    await box.state.writeRecord(record, lease, box.signal);
  });
}

/** Claims what the plan manages. A rollback goes back to what was claimed when it was rolled out: a claim that cannot be read does not stop it. */
async function claim(box: Toolbox, topology: Topology, { kind }: Plan): Promise<void> {
  try {
    await box.state.claim(claimed(box, topology), box.signal);
  } catch (error) {
    const isDamage = error instanceof DeployctlError && ['state.damaged', 'state.newer'].includes(error.code);
    if (kind !== 'rollback' || !isDamage) throw error;
    box.emit({ type: 'note', level: 'warning', text: error.message });
  }
}

export function declined(): DeployctlError {
  return new DeployctlError({
    code: 'declined',
    message: 'not confirmed; nothing was changed',
    exitCode: EXIT.refused,
    next: ['pass --yes to go on without being asked'],
  });
}

export function lockWaitOf(request: { readonly lockWait?: number }): { lockWait?: number } {
  return request.lockWait === undefined ? {} : { lockWait: request.lockWait };
}
