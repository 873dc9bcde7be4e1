import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { ExitCode } from '../domain/errors.js';
import type { RolloutSummary } from '../domain/event.js';
import type { Fence } from '../domain/host.js';
import type { Plan } from '../domain/plan.js';
import type { OutcomeRecord, RolloutRecord } from '../domain/record.js';
import { imageName, imageTag, NO_RELEASE } from '../domain/release.js';
import { HostBook } from '../engine/book.js';
import { steadyClock } from '../engine/clock.js';
import type { LoopResult } from '../engine/loop.js';
import { Loop } from '../engine/loop.js';
import { Observer, scopeOf } from '../engine/observer.js';
import type { Lease } from '../state/index.js';
import { destination, isChanged } from '../strategies/preload.js';
import { afterLoss, lostReason, midway } from './endings.js';
import type { Survey } from './survey.js';
import { Behind, isHighest } from './behind.js';
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
    const ended = await end(box, lease, keeper, summary, result, options.warnings);
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

/** The lease may be lost because all parameters were deleted. What this process still knows is what somebody else needs to go on. */
async function putBack(box: Toolbox, { from, to }: Plan, keeper: RecordKeeper): Promise<void> {
  try {
    const gone = (await keeper.restore()) ? ['its record'] : [];
    for (const release of from.id === to.id ? [from] : [from, to]) {
      if ((await box.state.getRelease(release.id, box.signal)) !== undefined) continue;
      await box.state.putRelease(release, box.signal);
      gone.push(`release ${release.id}`);
    }
    if (gone.length === 0) return;
    const text = `gone from Parameter Store, and stored again so that the rollout can be resumed: ${gone.join(', ')}`;
    box.emit({ type: 'note', level: 'warning', text });
  } catch (error) {
    const text = `whether the record of the rollout and its releases are still in Parameter Store is not known: ${messageOf(error)}`;
    box.emit({ type: 'note', level: 'warning', text });
  }
}

async function end(
  box: Toolbox,
  lease: Lease,
  keeper: RecordKeeper,
  summary: RolloutSummary,
  result: LoopResult,
  warnings: readonly string[],
): Promise<OperationResult> {
  const { plan } = result;
  const now = box.clock.now();
  const stored = result.leaseLost === true ? undefined : await store(box, lease, keeper, result, now);
  if (lease.lost.aborted) await putBack(box, plan, keeper);
  const outcome = stored === undefined ? 'interrupted' : finalOutcome(result);
  const serving = stored === undefined ? null : servingAfter(plan, result.outcome);
  const reason = stored === undefined ? lostReason(lease, result) : result.reason;
  const next = stored === undefined ? afterLoss(plan) : nextSteps(plan, outcome);
  box.emit({
    type: 'rollout.ended',
    summary,
    outcome,
    reason,
    ...(plan.aim.to === 'old' && plan.aim.askedBy !== undefined ? { askedBy: plan.aim.askedBy } : {}),
    took: now - plan.startedAt,
    serving: serving === null ? 'unclear' : servingText(plan, serving === plan.to.id),
    ...(result.failure === undefined ? {} : { failure: result.failure }),
    next,
  });
  return {
    schemaVersion: 1,
    ok: outcome === 'succeeded',
    outcome,
    exitCode: exitOf(outcome),
    rollout: plan.rollout,
    app: plan.app,
    environment: plan.environment,
    strategy: plan.how.is,
    from: plan.from.id,
    to: plan.to.id,
    serving,
    reason,
    durationSeconds: Math.round((now - plan.startedAt) / 1000),
    services: plan.services.filter(isChanged).map((service) => ({
      service: service.service,
      from: imageTag(service.from.spec.image),
      to: imageTag(service.to.spec.image),
      color: serving === plan.to.id ? destination(plan, service) : service.live,
    })),
    excluded: plan.excluded,
    warnings,
    next,
  };
}

/** Stores how it ended. undefined: the lease was lost before it was stored. */
async function store(
  box: Toolbox,
  lease: Lease,
  keeper: RecordKeeper,
  result: LoopResult,
  now: number,
): Promise<true | undefined> {
  const outcome = finalOutcome(result);
  const reason = shorten(result.reason);
  try {
    if (outcome === 'succeeded' || outcome === 'rolled-back' || outcome === 'failed') {
      await keeper.writeOutcome(
        outcomeRecord(result.plan, result, outcome, servingAfter(result.plan, result.outcome), now),
      );
      await keeper.write({ ...result.record, endedAt: now, outcome, reason });
      await tidy(box, lease);
    } else await keeper.write({ ...result.record, outcome, reason });
    return true;
  } catch (error) {
    if (!lease.lost.aborted) throw error;
    return undefined;
  }
}

/** What history no longer needs goes, late and under the lease. The outcome stands already: what fails here is told and found again next time. */
async function tidy(box: Toolbox, lease: Lease): Promise<void> {
  try {
    await box.state.prune(lease, box.signal);
  } catch (error) {
    box.emit({ type: 'note', level: 'warning', text: `old records were not removed: ${messageOf(error)}` });
  }
}

/** A manual rollback that had to be given up left the release that it was to leave: that needs a human. */
function finalOutcome({ outcome, plan }: LoopResult): LoopResult['outcome'] {
  return outcome === 'rolled-back' && plan.kind !== 'rollout' ? 'failed' : outcome;
}

function servingAfter(plan: Plan, outcome: LoopResult['outcome']): string | null {
  switch (outcome) {
    case 'succeeded':
      return plan.to.id;
    case 'rolled-back':
      return plan.from.id;
    case 'failed':
    case 'held':
    case 'interrupted':
      return null;
  }
}

function servingText(plan: Plan, isNew: boolean): string {
  return plan.services
    .map((service) => `${service.service} ${imageTag((isNew ? service.to : service.from).spec.image)}`)
    .join(', ');
}

function outcomeRecord(
  plan: Plan,
  result: LoopResult,
  outcome: 'succeeded' | 'rolled-back' | 'failed',
  serving: string | null,
  now: number,
): OutcomeRecord {
  const isNew = serving === plan.to.id;
  return {
    schema: 1,
    generation: plan.generation,
    rollout: plan.rollout,
    kind: plan.kind,
    strategy: plan.how.is,
    from: plan.from.id,
    to: plan.to.id,
    serving,
    outcome,
    reason: shorten(result.reason),
    by: result.record.by,
    startedAt: plan.startedAt,
    endedAt: now,
    images: Object.fromEntries(
      plan.services.map((service) => [service.service, imageName((isNew ? service.to : service.from).spec.image)]),
    ),
    excluded: plan.excluded,
  };
}

function exitOf(outcome: LoopResult['outcome']): ExitCode {
  switch (outcome) {
    case 'succeeded':
      return EXIT.done;
    case 'rolled-back':
      return EXIT.rolledBack;
    case 'failed':
      return EXIT.needsHuman;
    case 'held':
      return EXIT.inProgress;
    case 'interrupted':
      return EXIT.interrupted;
  }
}

function nextSteps(plan: Plan, outcome: LoopResult['outcome']): readonly string[] {
  const env = `--env ${plan.environment}`;
  switch (outcome) {
    case 'succeeded':
      return plan.kind === 'rollout' && plan.from.id !== plan.to.id
        ? [`deployctl rollback ${env}   # if it turns out bad`]
        : [];
    case 'rolled-back':
      return [`deployctl history ${env}`, `deployctl status ${env}`];
    case 'failed':
      if (plan.services.filter(isChanged).every(({ from }) => from.release === NO_RELEASE)) {
        return [`deployctl status ${env}`, `deployctl rollout ${env}   # with images that work: nothing ran before`];
      }
      return [
        `deployctl status ${env}`,
        `deployctl rollback ${env}   # tries the way back once more`,
        `deployctl rollback ${env} --to RELEASE   # another one; see: deployctl history ${env}`,
      ];
    case 'held':
    case 'interrupted':
      if (plan.kind === 'retire') return [`deployctl resume ${env}   # continues from what is observed`];
      return [`deployctl resume ${env}     # goes on from what is observed`, `deployctl rollback ${env}   # goes back`];
  }
}

/** Reasons are stored in records of limited size. */
function shorten(text: string): string {
  return text.length <= 600 ? text : `${text.slice(0, 599)}…`;
}

export function interruptedError(): DeployctlError {
  return new DeployctlError({
    code: 'interrupted',
    message: 'interrupted before any change',
    exitCode: EXIT.interrupted,
    next: ['the same command again'],
  });
}
