import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { EventBody, RolloutSummary } from '../domain/event.js';
import type { Color } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { HostBook } from '../engine/book.js';
import { steadyClock } from '../engine/clock.js';
import { Loop } from '../engine/loop.js';
import { Observer } from '../engine/observer.js';
import { scopeOf } from '../engine/scope.js';
import type { Lease } from '../state/index.js';
import { destination, isChanged } from '../strategies/preload.js';
import type { Ground } from './begin.js';
import { begin, declined, groundOf, lockWaitOf, withLease } from './begin.js';
import { openFindings } from './damage.js';
import type { Fences, OperationResult } from './drive.js';
import { drive, interruptedError, summaryOf } from './drive.js';
import { forecast } from './forecast.js';
import { nameOf } from './instance-name.js';
import { judgePorts } from './intruders.js';
import { nothingToDo } from './nothing.js';
import { newRecord, planOf } from './plan.js';
import { refuseOn } from './preflight.js';
import { idleRelease, membersOf, occupantIn, stamp } from './present.js';
import type { Survey } from './survey.js';
import { resolveTopology } from './topology.js';
import type { Toolbox } from './toolbox.js';

export interface RetireRequest {
  readonly lockWait?: number;
  /** Asked before the first change; false ends the operation. */
  readonly confirm: (summary: RolloutSummary, warnings: readonly string[]) => Promise<boolean>;
}

/** Gives up the warm way back: drains and stops the idle color of every service. */
export async function retire(box: Toolbox, request: RetireRequest): Promise<OperationResult> {
  const topology = await resolveTopology(box);
  let begun = false;
  return withLease(box, { command: 'retire', ...lockWaitOf(request) }, async (lease, fences) => {
    const ground = await groundOf(box, topology, fences);
    refuseOn([...ground.findings, ...openFindings(box, ground.past)]);
    const { present, now, live, seen } = ground;
    const record = newRecord({
      settings: box.settings,
      id: `ro-${stamp(now)}-${box.random.hex(4)}`,
      kind: 'retire',
      generation: lease.generation,
      by: box.actor.name,
      now,
      deadline: now + box.settings.timing.rolloutDeadline,
      from: present.release,
      to: present.release,
      how: { is: 'retire' },
      live: Object.fromEntries(live),
      seen,
      excluded: [...seen.silent.keys()],
      skipValidation: true,
    });
    const plan = planOf(box.settings, topology, record, present.release, present.release);
    refuseOn(judgePorts(seen, plan));
    if (!begun && isRetired(plan, ground)) {
      refuseUnread(plan, seen);
      return nothingToDo(plan, 'no service has anything in service on standby', []);
    }
    if (!begun && !(await request.confirm(summaryOf(plan, record.by), whatIsGivenUp(box, ground)))) throw declined();
    if (box.signal.aborted) throw interruptedError();
    await begin(box, ground, lease, plan, record);
    begun = true;
    return drive(box, lease, fences, plan, record, ground.seen, { resumed: false, warnings: [] });
  });
}

/** Nothing is left on standby to take out of service: the decisions say so over the model of the world as it is. */
function isRetired(plan: Plan, { topology, seen, now }: Ground): boolean {
  const { steps, end } = forecast(plan, topology, seen, now);
  return steps.length === 0 && end?.is === 'done' && end.outcome === 'succeeded';
}

/** What runs on an instance that cannot be read is unknown, so "nothing on standby" would not be true of it. */
function refuseUnread({ environment }: Plan, { fleet, silent }: Survey): void {
  const unread = fleet.flatMap((instance) => {
    const why = silent.get(instance.id);
    return why === undefined ? [] : [`${nameOf(instance)} (${why})`];
  });
  if (unread.length === 0) return;
  throw new DeployctlError({
    code: 'retire.unread',
    message: `there is nothing to retire on the instances that can be inspected; what runs on ${unread.join(', ')} is unknown. Nothing was changed`,
    exitCode: EXIT.refused,
    next: [`deployctl doctor --env ${environment}   # why they do not answer`],
  });
}

/** What a rollback will not find running any more, for the question before it. */
function whatIsGivenUp(box: Toolbox, { topology, live, seen }: Ground): readonly string[] {
  return topology.services.flatMap((service) => {
    const { name } = service.settings;
    const color = live.get(name) ?? 'blue';
    const standby = otherColor(color);
    const runs = membersOf(box, seen.fleet, standby).some(
      ({ id }) => occupantIn(seen.containers.get(id) ?? [], service, standby, color) !== undefined,
    );
    if (!runs) return [];
    const release = idleRelease(box, service, color, seen);
    return release === undefined
      ? [`stops ${name} on ${standby}`]
      : [`stops ${name} on ${standby} (${release}); a rollback to it then starts its containers first`];
  });
}

/** What of its events is of interest after the end of the rollout: the outages that it repairs, too. */
const toldAfterTheEnd: ReadonlySet<EventBody['type']> = new Set<EventBody['type']>([
  'phase.changed',
  'note',
  'outage.started',
  'outage.ended',
]);

/**
 * After a success: an idle color that is not kept warm, or that holds neither of the two releases after a rolling rollout, is drained and stopped. The
 * outcome stands already; what fails here is a warning, and the next rollout finds it again.
 */
export async function retireAfter(box: Toolbox, lease: Lease, fences: Fences, plan: Plan): Promise<void> {
  const services = plan.services.flatMap((service): readonly ServicePlan[] => {
    const live: Color = destination(plan, service);
    if (service.colors[otherColor(live)] === undefined || !isChanged(service)) return [];
    return service.warm === 'none' || plan.how.is === 'rolling' ? [{ ...service, live }] : [];
  });
  if (services.length === 0) return;
  const retiring: Plan = {
    ...plan,
    kind: 'retire',
    how: { is: 'retire' },
    services,
    deadline: box.clock.now() + plan.timing.rolloutDeadline,
  };
  const { fleet, traffic } = box;
  const clock = steadyClock(box.clock);
  const book = new HostBook({
    hosts: box.hosts,
    clock,
    emit: () => undefined,
    nameOf: (id) => id,
    nextFence: fences.next,
  });
  const observer = new Observer(
    { fleet, traffic, clock, book, steering: () => Promise.resolve([]) },
    scopeOf(retiring),
  );
  const loop = new Loop(
    {
      clock,
      traffic,
      book,
      observer,
      gates: { watch: () => ({ probes: [], commands: [] }), close: () => Promise.resolve() },
      lease,
      emit: (event) => {
        if (toldAfterTheEnd.has(event.type)) box.emit(event);
      },
      onEpoch: fences.epochIs,
      changeLimit: box.changeLimit,
      records: { write: () => Promise.resolve() },
    },
    retiring,
    newRecord({
      settings: box.settings,
      id: plan.rollout,
      kind: 'retire',
      generation: plan.generation,
      by: box.actor.name,
      now: plan.startedAt,
      deadline: retiring.deadline,
      from: plan.to,
      to: plan.to,
      how: retiring.how,
      live: {},
      seen: {
        fleet: [],
        routes: new Map(),
        targets: new Map(),
        containers: new Map(),
        facts: new Map(),
        silent: new Map(),
      },
      excluded: plan.excluded,
      skipValidation: true,
    }),
  );
  try {
    const result = await loop.run(box.signal);
    if (result.outcome !== 'succeeded') {
      box.emit({
        type: 'note',
        level: 'warning',
        text: `the idle color was not retired: ${result.reason}. Later: deployctl retire`,
      });
    }
  } catch (error) {
    box.emit({
      type: 'note',
      level: 'warning',
      text: `the idle color was not retired: ${messageOf(error)}. Later: deployctl retire`,
    });
  }
}
