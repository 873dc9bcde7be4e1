import { shortened } from '../domain/text.js';
import type { ExitCode } from '../domain/errors.js';
import { DeployctlError, EXIT, fixFor, messageOf, PortError } from '../domain/errors.js';
import type { RolloutSummary } from '../domain/event.js';
import type { Plan } from '../domain/plan.js';
import type { OutcomeRecord } from '../domain/record.js';
import { imageName, imageTag, NO_RELEASE } from '../domain/release.js';
import type { LoopResult } from '../engine/loop-deps.js';
import type { Lease } from '../state/index.js';
import { destination, isChanged } from '../strategies/preload.js';
import type { OperationResult } from './drive.js';
import type { RecordKeeper } from './record-keeper.js';
import type { Toolbox } from './toolbox.js';

/** An end that could not be stored is open for everybody else, whatever was reached. */
function lostReason(lease: Lease, { reason, outcome, leaseLost }: LoopResult): string {
  return leaseLost === true
    ? reason
    : `${messageOf(lease.lost.reason)}. The end (${outcome}: ${reason}) could not be recorded`;
}

function afterLoss({ environment, kind }: Plan): readonly string[] {
  const env = `--env ${environment}`;
  return [
    `deployctl status ${env}     # who holds the lease now, and what serves`,
    `deployctl resume ${env}     # once nobody holds it: continues`,
    // Of a retirement there is nothing to roll back: it would undo the release that serves.
    ...(kind === 'retire' ? [] : [`deployctl rollback ${env}   # or rolls back`]),
  ];
}

/** What ends a rollout in its midst is no refusal, even where it would have been one before the first change. */
export function midway(error: unknown, kind: Plan['kind'], next: readonly string[]): unknown {
  if (error instanceof PortError && error.kind !== 'aborted') {
    return new DeployctlError({
      code: `aws.${error.kind}`,
      message: `${error.message}. The ${kind} has begun, and stands half-way`,
      exitCode: EXIT.inProgress,
      next: [fixFor(error), ...next],
      cause: error,
    });
  }
  if (!(error instanceof DeployctlError)) return error;
  if (error.exitCode !== EXIT.refused && error.exitCode !== EXIT.leaseHeld) return error;
  return new DeployctlError({
    code: error.code,
    message: `${error.message.replace(/\. Nothing was changed$/, '')}. The ${kind} has begun, and stands half-way`,
    exitCode: EXIT.inProgress,
    next: [...error.next, ...next],
    cause: error,
  });
}

/** The lease may be lost because all parameters were deleted. What this process still knows is what somebody else needs to go on. */
export async function putBack(box: Toolbox, { from, to }: Plan, keeper: RecordKeeper): Promise<void> {
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

export async function end(
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
  const reason = stored === undefined ? lostReason(lease, result) : reasonOf(result);
  const next = stored === undefined ? afterLoss(plan) : nextSteps(plan, outcome);
  box.emit({
    type: 'rollout.ended',
    summary,
    outcome,
    reason,
    ...(plan.aim.to === 'old' && plan.aim.askedBy !== undefined ? { askedBy: plan.aim.askedBy } : {}),
    took: now - plan.startedAt,
    serving: serving === null ? 'unclear' : servingText(result, serving === plan.to.id),
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
    warnings: [...warnings, ...remarksOf(result)],
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
  const reason = shorten(reasonOf(result));
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

/** What else was observed at the end: services that another hand, or an outage, has moved to their other color, and what a good end could not put back. */
function remarksOf({ outcome, moved, left }: LoopResult): readonly string[] {
  const isGood = outcome === 'succeeded' || outcome === 'rolled-back';
  return [...moved.map(({ text }) => text), ...(isGood ? left : [])];
}

const reasonOf = (result: LoopResult): string => [result.reason, ...remarksOf(result)].join('; ');

function servingText({ plan, moved }: LoopResult, isNew: boolean): string {
  return plan.services
    .map((service) => {
      const observed = moved.find((each) => each.service === service.service)?.images.join(' and ');
      return `${service.service} ${observed ?? imageTag((isNew ? service.to : service.from).spec.image)}`;
    })
    .join(', ');
}

/** Images for people, by service: of what the plan has brought about, or of what was observed to serve. */
function imagesOf({ plan, moved }: LoopResult, isNew: boolean): OutcomeRecord['images'] {
  const planned = plan.services.map(
    ({ service, from, to }) => [service, imageName((isNew ? to : from).spec.image)] as const,
  );
  const observed = moved.map(({ service, images }) => [service, images.join(', ')] as const);
  return Object.fromEntries([...planned, ...observed]);
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
    reason: shorten(reasonOf(result)),
    by: result.record.by,
    startedAt: plan.startedAt,
    endedAt: now,
    images: imagesOf(result, isNew),
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

export function nextSteps(plan: Plan, outcome: LoopResult['outcome']): readonly string[] {
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
  return shortened(text, 600);
}
