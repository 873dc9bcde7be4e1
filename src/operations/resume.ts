import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RolloutSummary } from '../domain/event.js';
import type { Plan } from '../domain/plan.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Container } from '../domain/observation.js';
import type { Release, ServiceRelease } from '../domain/release.js';
import { redirect } from '../domain/plan.js';
import type { Lease, ReleaseParts } from '../state/index.js';
import { namesOf } from '../state/index.js';
import { refuseBehind } from './behind.js';
import { declined, lockWaitOf, withLease } from './begin.js';
import type { Fences, OperationResult } from './drive.js';
import { damageText, openFindings, pastOf, restoreFix } from './damage.js';
import { drive, interruptedError, summaryOf } from './drive.js';
import { judgePorts } from './intruders.js';
import { planOf } from './plan.js';
import { ofRecord, rebuilt } from './rebuilt.js';
import { retireAfter } from './retire.js';
import type { Survey } from './survey.js';
import { requireLooked, survey } from './survey.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService } from './topology.js';
import { beforeChange, resolveTopology } from './topology.js';

/** Goes on with the rollout that did not end: the same loop, from what is observed, under a new generation. */
export async function resume(box: Toolbox, request: { readonly lockWait?: number }): Promise<OperationResult> {
  return withLease(box, { command: 'resume', ...lockWaitOf(request) }, (lease, fences) => goOnWith(box, lease, fences));
}

/** Resumes the rollout that did not end. */
export async function goOnWith(box: Toolbox, lease: Lease, fences: Fences): Promise<OperationResult> {
  const past = await pastOf(box);
  const record = past.unfinished;
  const [damaged] = record === undefined ? openFindings(box, past) : [];
  if (damaged !== undefined) {
    const { text, fix } = damaged;
    throw new DeployctlError({ code: 'state.damaged', message: text, exitCode: EXIT.refused, next: [fix] });
  }
  if (record === undefined) {
    throw new DeployctlError({
      code: 'resume.nothing',
      message: `no rollout of ${box.settings.environment} is unfinished, so there is nothing to resume`,
      exitCode: EXIT.refused,
      next: [`deployctl status --env ${box.settings.environment}`],
    });
  }
  return goOn(box, lease, fences, record);
}

/** @param confirm asked before anything is changed; absent: what was typed says it */
async function goOn(
  box: Toolbox,
  lease: Lease,
  fences: Fences,
  record: RolloutRecord,
  confirm?: (summary: RolloutSummary) => Promise<boolean>,
): Promise<OperationResult> {
  const { plan, seen, warnings } = await continued(box, lease, fences, record);
  for (const text of warnings) box.emit({ type: 'note', level: 'warning', text });
  if (confirm !== undefined && !(await confirm(summaryOf(plan, record.by)))) throw declined();
  if (box.signal.aborted) throw interruptedError();
  tellPorts(box, seen, plan);
  await forgetPauses(box, record);
  const result = await drive(box, lease, fences, plan, { ...record, generation: lease.generation }, seen, {
    resumed: true,
    warnings: [],
  });
  if (result.outcome === 'succeeded' && plan.aim.to === 'new') await retireAfter(box, lease, fences, plan);
  return result;
}

/** Goes on with a rollback that did not end: whoever asks for a rollback again, in a bad hour, wants the same. */
export function goOnBack(
  box: Toolbox,
  lease: Lease,
  fences: Fences,
  record: RolloutRecord,
  confirm: (summary: RolloutSummary, warnings: readonly string[]) => Promise<boolean>,
): Promise<OperationResult> {
  const { id, by, phase } = record;
  const why = `goes on with rollback ${id} by ${by}, which has not ended (phase: ${phase})`;
  return goOn(box, lease, fences, record, (summary) => confirm(summary, [why]));
}

/** What has got in the way since it began is no reason to leave the rest as it is: each instance answers for itself. */
function tellPorts(box: Toolbox, seen: Survey, plan: Plan): void {
  for (const { text, fix } of judgePorts(seen, plan))
    box.emit({ type: 'note', level: 'warning', text: `${text}. To resolve it: ${fix}` });
}

/** Resuming is the request to go on: what was asked of the process before is over. A request to abort that nobody heard still counts. */
async function forgetPauses(box: Toolbox, record: RolloutRecord): Promise<void> {
  await beforeChange(async () => {
    const steers = await box.state.listSteers(record.id, box.signal);
    const over = steers.filter(({ is }) => is !== 'abort').map(({ id }) => id);
    await box.state.removeSteers(record.id, over, box.signal);
  });
}

/**
 * Undoes a rollout that did not end, or whose way back failed: its record aimed back, driven by the same loop. What was asked for was the way back, so
 * reaching it is success.
 */
export async function wayBackOf(
  box: Toolbox,
  lease: Lease,
  fences: Fences,
  record: RolloutRecord,
  confirm: (summary: RolloutSummary, warnings: readonly string[]) => Promise<boolean>,
): Promise<OperationResult> {
  const { plan, seen, warnings } = await continued(box, lease, fences, record, 'old');
  return undo(box, lease, fences, { plan, record, seen, warnings: [whatIsUndone(record), ...warnings] }, confirm);
}

/** What an unfinished rollout is undone from. */
export interface Undoing {
  /** Of the rollout, wherever it is aimed. */
  readonly plan: Plan;
  readonly record: RolloutRecord;
  readonly seen: Survey;
  /** What is said before it is asked whether to do it. */
  readonly warnings: readonly string[];
}

/** Drives a rollout back. What was asked for was the way back, so reaching it is success. */
export async function undo(
  box: Toolbox,
  lease: Lease,
  fences: Fences,
  { plan: before, record, seen, warnings }: Undoing,
  confirm: (summary: RolloutSummary, warnings: readonly string[]) => Promise<boolean>,
): Promise<OperationResult> {
  const by = box.actor.name;
  const plan = before.aim.to === 'old' ? before : redirect(before, `${by} asked for a rollback`, by);
  if (!(await confirm(undoing(summaryOf(plan, record.by)), warnings))) throw declined();
  if (box.signal.aborted) throw interruptedError();
  tellPorts(box, seen, plan);
  const { endedAt: _endedAt, outcome: _outcome, ...open } = record;
  const next = { ...open, generation: lease.generation, aim: plan.aim };
  await beforeChange(() => box.state.writeRecord(next, lease, box.signal));
  const result = await drive(box, lease, fences, plan, next, seen, { resumed: true, warnings: [] });
  return result.outcome === 'rolled-back' ? { ...result, ok: true, exitCode: EXIT.done } : result;
}

/** What the way back of a rollout changes, for the question before it. */
function undoing(summary: RolloutSummary): RolloutSummary {
  const { estimate: _ofTheWayForward, from, to, services, ...rest } = summary;
  const back = services.map((each) => ({ ...each, from: each.to, to: each.from }));
  return { ...rest, kind: 'rollback', from: to, to: from, services: back };
}

function whatIsUndone({ id, by, phase, outcome, reason }: RolloutRecord): string {
  const state =
    outcome === 'failed' ? `whose way back failed: ${reason ?? phase}` : `which has not ended (phase: ${phase})`;
  return `undoes rollout ${id} by ${by}, ${state}`;
}

/**
 * The plan of a record, with a fresh deadline. Instances are looked at under the new fence first, which shuts out whatever was never delivered. A release that
 * cannot be read is completed from its containers, but for one that is to be started: that has to be what was asked for.
 */
async function continued(
  box: Toolbox,
  lease: Lease,
  fences: Fences,
  record: RolloutRecord,
  aim = record.aim.to,
): Promise<{ readonly plan: Plan; readonly seen: Survey; readonly warnings: readonly string[] }> {
  const topology = await resolveTopology(box);
  const read = (id: string): Promise<ReleaseParts | undefined> =>
    beforeChange(() => box.state.readRelease(id, box.signal));
  const [readFrom, readTo] = await Promise.all([read(record.from), read(record.to)]);
  const current = {
    generation: lease.generation,
    deadline: box.clock.now() + (record.asked ?? box.settings).timing.rolloutDeadline,
  };
  fences.epochIs(record.aim.epoch);
  const seen = await survey(box, topology, fences.next, record);
  requireLooked(seen);
  refuseBehind(box, seen);
  const [inFrom, inTo] = [ofRecord(box, seen, record, 'from'), ofRecord(box, seen, record, 'to')];
  const orRestored = (service: PlacedService): readonly Container[] | ServiceRelease => {
    const containers = inFrom(service);
    // Every container already runs the release that the rollback goes to: nothing is left to do for this service.
    const isOver = record.kind === 'rollback' && aim === 'new' && seen.silent.size === 0 && inTo(service).length > 0;
    const restored = containers.length === 0 && isOver ? wholeOf(readTo)?.services[service.settings.name] : undefined;
    return restored ?? containers;
  };
  const from = wholeOf(readFrom) ?? (await rebuilt(box, topology, record.from, readFrom, orRestored));
  if (from === undefined) throw unreadable(box, record, record.from, readFrom);
  const orUnchanged = (service: PlacedService): readonly Container[] | ServiceRelease => {
    const containers = inTo(service);
    const before = from.services[service.settings.name];
    if (containers.length > 0 || before === undefined) return containers;
    // Of what runs nowhere there is nothing to undo. An instance that does not answer may run it.
    return seen.silent.size === 0 ? before : { ...before, release: record.to };
  };
  const to =
    wholeOf(readTo) ?? (aim === 'new' ? undefined : await rebuilt(box, topology, record.to, readTo, orUnchanged));
  if (to === undefined) throw unreadable(box, record, record.to, readTo);
  return {
    plan: planOf(box.settings, topology, { ...record, ...current, how: howNow(box, record) }, from, to),
    seen,
    warnings: [...warningsOf(record.from, readFrom), ...warningsOf(record.to, readTo)],
  };
}

/** A downtime that was allowed since is the way out for a fleet that has shrunk to one instance. */
function howNow({ settings }: Toolbox, { how }: RolloutRecord): RolloutRecord['how'] {
  return how.is === 'rolling' && settings.allowDowntime ? { ...how, allowDowntime: true } : how;
}

const wholeOf = (parts: ReleaseParts | undefined): Release | undefined =>
  parts?.damage.length === 0 ? parts.release : undefined;

function warningsOf(id: string, parts: ReleaseParts | undefined): readonly string[] {
  if (parts === undefined)
    return [`release ${id} is not in Parameter Store any more: it is known by its containers only`];
  return parts.damage.map((damage) => `${damageText(damage)}. Release ${id} is known by its containers instead`);
}

function unreadable(box: Toolbox, record: RolloutRecord, id: string, parts: ReleaseParts | undefined): DeployctlError {
  const { app, environment } = box.settings;
  const [first] = parts?.damage ?? [];
  // Whoever asks for a rollback again goes on with the one that did not end.
  const back =
    id === record.to && record.aim.to === 'new' && record.kind === 'rollout'
      ? [`deployctl rollback --env ${environment}   # needs nothing of a new release`]
      : [];
  // Its record makes every rollout wait for its end, which it cannot have any more.
  const givingUp = [
    `aws ssm delete-parameter --name ${namesOf(app, environment).rollout(record.id)}   # gives it up`,
    `deployctl status --env ${environment}    # then: what runs where`,
    `deployctl rollout --env ${environment}   # with the images that should serve`,
  ];
  if (first !== undefined) {
    return new DeployctlError({
      code: 'release.damaged',
      message: `${record.kind} ${record.id} needs release ${id}: ${damageText(first)}. No container tells enough of it. Nothing was changed`,
      exitCode: EXIT.refused,
      next: [restoreFix(first), ...back, ...(back.length === 0 ? givingUp : [])],
    });
  }
  return new DeployctlError({
    code: 'release.missing',
    message: `rollout ${record.id} needs release ${id}, which is not in Parameter Store any more`,
    exitCode: EXIT.needsHuman,
    next: [...back, ...givingUp],
  });
}
