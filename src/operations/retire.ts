import { messageOf } from '../domain/errors.js';
import type { Color } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { HostBook } from '../engine/book.js';
import { steadyClock } from '../engine/clock.js';
import { Loop } from '../engine/loop.js';
import { Observer, scopeOf } from '../engine/observer.js';
import type { Lease } from '../state/index.js';
import { destination, isChanged } from '../strategies/preload.js';
import { begin, groundOf, lockWaitOf, withLease } from './begin.js';
import { openFindings } from './damage.js';
import type { Fences, OperationResult } from './drive.js';
import { drive } from './drive.js';
import { judgePorts } from './intruders.js';
import { newRecord, planOf } from './plan.js';
import { refuseOn } from './preflight.js';
import { stamp } from './present.js';
import { resolveTopology } from './topology.js';
import type { Toolbox } from './toolbox.js';

/** Gives up the warm way back: drains and stops the idle color of every service. */
export async function retire(box: Toolbox, request: { readonly lockWait?: number }): Promise<OperationResult> {
  const topology = await resolveTopology(box);
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
    const plan = planOf(box.settings, topology, record, present.release, present.release, {});
    refuseOn(judgePorts(seen, plan));
    await begin(box, ground, lease, plan, record);
    return drive(box, lease, fences, plan, record, ground.seen, { resumed: false, warnings: [] });
  });
}

/**
 * After a success: an idle color that is not kept warm, or that holds neither of the two releases after a rolling rollout, is drained and stopped. The
 * outcome stands already; what fails here is a warning, and the next rollout finds it again.
 */
export async function retireAfter(box: Toolbox, lease: Lease, fences: Fences, plan: Plan): Promise<void> {
  const services = plan.services.flatMap((service): readonly ServicePlan[] => {
    const live: Color = destination(plan, service);
    if (service.colors[otherColor(live)] === undefined || !isChanged(service)) return [];
    const cold = service.warm.is === 'for' && service.warm.duration === 0;
    return cold || plan.how.is === 'rolling' ? [{ ...service, live }] : [];
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
        if (event.type === 'phase.changed' || event.type === 'note') box.emit(event);
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
