import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { ExitCode } from '../domain/errors.js';
import type { RolloutSummary } from '../domain/event.js';
import type { Fence } from '../domain/host.js';
import type { Plan } from '../domain/plan.js';
import type { RolloutRecord } from '../domain/record.js';
import { imageTag } from '../domain/release.js';
import { HostBook } from '../engine/book.js';
import { steadyClock } from '../engine/clock.js';
import { Loop } from '../engine/loop.js';
import { Observer } from '../engine/observer.js';
import { scopeOf } from '../engine/scope.js';
import type { Lease } from '../state/index.js';
import { isChanged } from '../strategies/preload.js';
import { end, midway, nextSteps, putBack } from './endings.js';
import type { Survey } from './survey.js';
import { Behind, isHighest } from './behind.js';
import { foreignLeft } from './foreign.js';
import { Hooks } from './hooks.js';
import { RecordKeeper, restoreTasks } from './record-keeper.js';
import { Timeline } from './timeline.js';
import type { Toolbox } from './toolbox.js';

/** What an operation answers: the JSON document, and the exit code. */
export interface OperationResult {
  readonly schemaVersion: 1;
  readonly ok: boolean;
  readonly outcome: 'succeeded' | 'nothing-to-do' | 'rolled-back' | 'failed' | 'held' | 'interrupted';
  readonly exitCode: ExitCode;
  readonly rollout?: string;
  readonly app: string;
  readonly environment: string;
  readonly strategy: string;
  readonly from: string;
  readonly to: string;
  readonly serving: string | null;
  readonly reason: string;
  readonly durationSeconds: number;
  readonly services: readonly {
    readonly service: string;
    readonly from: string;
    readonly to: string;
    readonly color: string;
  }[];
  readonly excluded: readonly string[];
  readonly warnings: readonly string[];
  readonly next: readonly string[];
}

/** Fences of one process: the lease's generation, the epoch of the aim, and a counter. */
export class Fences {
  readonly #generation: number;
  /** What the instances followed that the store had forgotten; the generation is above it. */
  readonly passed: number | undefined;
  #epoch = 0;
  #send = 0;

  constructor(generation: number, passed?: number) {
    this.#generation = generation;
    this.passed = passed;
  }

  readonly next = (): Fence => [this.#generation, this.#epoch, this.#send++];

  readonly epochIs = (epoch: number): void => {
    this.#epoch = epoch;
  };
}

export function summaryOf(plan: Plan, by: string): RolloutSummary {
  const changed = plan.services.filter(isChanged);
  return {
    rollout: plan.rollout,
    kind: plan.kind,
    app: plan.app,
    environment: plan.environment,
    strategy: plan.how.is,
    from: plan.from.id,
    to: plan.to.id,
    by,
    services: changed.map(({ service, from, to }) => ({
      service,
      from: imageTag(from.spec.image),
      to: imageTag(to.spec.image),
    })),
    ...(plan.estimate === undefined ? {} : { estimate: plan.estimate }),
  };
}

/**
 * Drives a recorded plan to its end: the loop, then outcome, record and notification, then the lease. The way back stays open until the outcome is
 * stored. Rejects with DeployctlError where it could not be driven on; the record then says so for `resume`. Who loses the lease is interrupted: another
 * one may act, so nothing more is written.
 */
export async function drive(
  box: Toolbox,
  lease: Lease,
  fences: Fences,
  plan: Plan,
  record: RolloutRecord,
  seen: Survey,
  options: { readonly resumed: boolean; readonly warnings: readonly string[] },
): Promise<OperationResult> {
  const names = new Map<string, string>();
  const clock = steadyClock(box.clock);
  const timeline = new Timeline(clock, plan.startedAt);
  const summary = summaryOf(plan, record.by);
  const hooks = new Hooks(box, summary);
  const emit: Toolbox['emit'] = (event) => {
    timeline.take(event);
    box.emit(event);
    hooks.take(event);
  };
  const unheard = box.onAside?.((text) => timeline.take({ type: 'note', level: 'warning', text }));
  const book = new HostBook({
    hosts: box.hosts,
    clock,
    emit,
    nameOf: (id) => names.get(id) ?? id,
    nextFence: fences.next,
  });
  restoreTasks(book, record);
  for (const [instance, containers] of seen.containers) book.seed(instance, containers);
  const observer = new Observer(
    {
      fleet: {
        instances: async (...args) => {
          const fleet = await box.fleet.instances(...args);
          for (const { id, name } of fleet) names.set(id, name);
          return fleet;
        },
      },
      traffic: box.traffic,
      clock,
      book,
      // Once a look: the next one comes soon, and what is seen of targets must not wait for Parameter Store.
      steering: (signal) => box.state.listSteers(plan.rollout, signal, 1),
    },
    scopeOf(plan),
  );
  const gates = box.gates(plan.gates, (sample) => emit({ type: 'probe.sampled', ...sample }));
  const keeper = new RecordKeeper(
    { state: box.state, clock: box.clock, signal: box.signal, emit, hold: box.settings.timing.hold },
    lease,
    book,
    record,
  );
  const notifier = await box.notifier(keeper.memory());
  emit({ type: 'rollout.started', summary, resumed: options.resumed });
  fences.epochIs(plan.aim.epoch);
  const loop = new Loop(
    {
      clock,
      traffic: box.traffic,
      book,
      observer,
      gates,
      lease,
      emit,
      onEpoch: fences.epochIs,
      preTraffic: hooks.preTraffic,
      changeLimit: box.changeLimit,
      records: keeper,
    },
    plan,
    record,
  );
  try {
    const result = await loop.run(box.signal);
    const behind = result.leaseLost === true ? await behindIn(box, lease, book) : undefined;
    if (behind !== undefined) throw behind;
    const left = result.leaseLost === true ? [] : foreignLeft(result.plan, observer.snapshot());
    for (const text of left) emit({ type: 'note', level: 'warning', text });
    const ended = await end(box, lease, keeper, summary, result, [...options.warnings, ...left]);
    await hooks.ended(ended.outcome === 'nothing-to-do' ? 'succeeded' : ended.outcome, ended.reason);
    return ended;
  } catch (thrown) {
    if (thrown instanceof Behind) throw thrown;
    const behind = await behindIn(box, lease, book);
    if (behind !== undefined) throw behind;
    if (lease.lost.aborted) await putBack(box, plan, keeper);
    const error = midway(thrown, plan.kind, nextSteps(plan, 'held'));
    box.emit({
      type: 'rollout.ended',
      summary,
      outcome: box.signal.aborted ? 'interrupted' : 'held',
      reason: messageOf(error),
      took: box.clock.now() - plan.startedAt,
      serving: 'unclear',
      next: error instanceof DeployctlError ? error.next : nextSteps(plan, 'held'),
    });
    await hooks.ended(box.signal.aborted ? 'interrupted' : 'held', messageOf(error));
    throw error;
  } finally {
    unheard?.();
    if (!lease.lost.aborted) await timeline.store(box, lease, plan.rollout);
    await gates.close();
    await notifier.close();
  }
}

/** An instance that joined may follow a generation that the store has never known: the rollout is not over then, it goes on under a higher lease. */
async function behindIn(box: Toolbox, lease: Lease, book: HostBook): Promise<Behind | undefined> {
  const { fencedBy, fencedOut } = book;
  if (fencedBy === undefined || fencedOut === undefined || box.signal.aborted) return undefined;
  // Where the store does not answer, nobody knows that it was no takeover: it ends as one.
  const highest = await isHighest(box, lease).catch(() => false);
  return highest ? new Behind(fencedBy, fencedOut) : undefined;
}

export function interruptedError(): DeployctlError {
  return new DeployctlError({
    code: 'interrupted',
    message: 'interrupted before any change',
    exitCode: EXIT.interrupted,
    next: ['the same command again'],
  });
}
