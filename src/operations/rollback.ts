import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Color } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import { belongs } from '../domain/occupancy.js';
import type { How, Plan } from '../domain/plan.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Release } from '../domain/release.js';
import type { RolloutSummary } from '../domain/event.js';
import type { Lease, Past } from '../state/index.js';
import { releaseOf } from '../strategies/standing.js';
import type { Ground } from './begin.js';
import { begin, declined, groundOf, lockWaitOf, withLease } from './begin.js';
import { pastOf } from './damage.js';
import type { Fences, OperationResult } from './drive.js';
import { drive, interruptedError, summaryOf } from './drive.js';
import { forecast } from './forecast.js';
import { observedIds, observedTarget } from './observed.js';
import { howOf, newRecord, planOf } from './plan.js';
import { preflight, refuseOn } from './preflight.js';
import { judgeRecord } from './requests.js';
import { idleRelease, membersOf, stamp } from './present.js';
import { baseOf, lostRollout, restoreObserved, unexplained } from './restore-observed.js';
import { goOnBack, wayBackOf } from './resume.js';
import { refuseRollback, targetByHistory, targetOf } from './target.js';
import type { DefaultTarget } from './target.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService } from './topology.js';
import { placedSlot, resolveTopology } from './topology.js';
import { changedSince, typedAgainst } from './typed.js';

export interface RollbackRequest {
  /** A release id; absent: the one that served before. */
  readonly to?: string;
  readonly lockWait?: number;
  /** Skips the health condition of the way back, and says so. */
  readonly force: boolean;
  readonly confirm: (summary: RolloutSummary, warnings: readonly string[]) => Promise<boolean>;
}

/** Goes back by the quickest safe way: weights, else the containers kept on the instances, else a pull. */
export async function rollback(box: Toolbox, asked: RollbackRequest): Promise<OperationResult> {
  const request = { ...asked, confirm: once(asked.confirm) };
  // Whoever names no release means what there is to undo now, and may have to wait for the lease.
  const typed = request.to === undefined ? typedAgainst(await pastOf(box)) : undefined;
  return withLease(box, { command: 'rollback', ...lockWaitOf(request) }, async (lease, fences) => {
    const past = await pastOf(box);
    const { unfinished } = past;
    const changed = typed === undefined ? undefined : changedSince(typed, past);
    if (changed !== undefined) throw refuseChanged(box, changed, past);
    const undone = unfinished ?? failedWayBack(past);
    const undoes = request.to === undefined || request.to === undone?.from;
    if (undone?.kind === 'rollout' && undoes) {
      return wayBackOf(box, lease, fences, undone, request.confirm);
    }
    if (unfinished?.kind === 'rollback' && unfinished.aim.to === 'new' && goesTo(unfinished, request.to)) {
      return goOnBack(box, lease, fences, unfinished, request.confirm);
    }
    const topology = await resolveTopology(box);
    const lost = unfinished === undefined ? lostRollout(past) : undefined;
    if (lost !== undefined) {
      const base = request.to ?? (await baseOf(box, past, lost));
      const restored = await restoreObserved(box, lease, fences, { topology, lost, base, past }, request);
      if (restored !== undefined) return restored;
    }
    const byHistory = request.to === undefined ? targetByHistory(box, past) : undefined;
    // Where all history is gone, what runs on standby may still say it.
    const isForgotten = past.outcomes.length === 0 && past.damaged.length === 0;
    if (byHistory?.is === 'none' && !isForgotten) refuseRollback(byHistory);
    const ground = await groundOf(box, topology, fences);
    // Weights that a rollout left half-way belong to neither of its releases: it is ended first, and --force does not change that.
    if (unfinished !== undefined && ground.live.size < topology.services.length) {
      throw leftHalfWay(box, unfinished, request.to);
    }
    if (unfinished === undefined && ground.live.size < topology.services.length) {
      const restored = await fromSplit(box, lease, fences, ground, request);
      if (restored !== undefined) return restored;
    }
    const findings = ground.findings.filter(({ level }) => level === 'refuse' && !request.force);
    refuseOn(findings);
    const wanted = request.to ?? defaultTarget(box, ground, byHistory);
    const { release: to, warnings: rebuiltFrom } =
      typeof wanted === 'string'
        ? await targetOf(box, ground, wanted, request.to === undefined)
        : { release: wanted, warnings: [] };
    const from = ground.present.release;
    const how = quickestWay(box, ground, to);
    const excluded = [...ground.seen.silent.keys()];
    const record = newRecord({
      settings: box.settings,
      id: `ro-${stamp(ground.now)}-${box.random.hex(4)}`,
      kind: 'rollback',
      generation: lease.generation,
      by: box.actor.name,
      now: ground.now,
      deadline: ground.now + box.settings.timing.rolloutDeadline,
      from,
      to,
      how,
      live: Object.fromEntries(ground.live),
      seen: ground.seen,
      excluded,
      skipValidation: true,
    });
    const bare = planOf(box.settings, topology, record, from, to);
    const prediction = forecast(bare, topology, ground.seen, ground.now);
    const plan: Plan = { ...bare, estimate: prediction.duration };
    const judged = [
      ...ground.findings,
      ...judgeRecord(box, plan, record),
      ...(await preflight(box, topology, ground.seen, plan, prediction.duration)),
    ];
    if (!request.force) refuseOn(judged);
    const warnings = [...rebuiltFrom, ...judged.map(({ text }) => text)];
    if (!(await request.confirm(summaryOf(plan, record.by), warnings))) throw declined();
    if (box.signal.aborted) throw interruptedError();
    for (const text of warnings) box.emit({ type: 'note', level: 'warning', text });
    await begin(box, ground, lease, plan, record);
    const result = await drive(box, lease, fences, plan, record, ground.seen, { resumed: false, warnings });
    return excluded.length === 0 || result.outcome !== 'succeeded'
      ? result
      : { ...result, reason: `${result.reason}; left out, because they cannot be reached: ${excluded.join(', ')}` };
  });
}

/** Asks until it is confirmed, and not again: the lease may have to be taken anew in between. */
function once(confirm: RollbackRequest['confirm']): RollbackRequest['confirm'] {
  let confirmed = false;
  return async (...question) => (confirmed ||= await confirm(...question));
}

/** A release's id, or what is observed where nothing is recorded. @throws DeployctlError `rollback.refused` */
function defaultTarget(box: Toolbox, ground: Ground, byHistory: DefaultTarget | undefined): string | Release {
  if (byHistory?.is === 'release') return byHistory.release;
  const observed = observedTarget(box, ground);
  if (observed !== undefined) return observed;
  const named = observedIds(ground).map((id) => `deployctl rollback --env ${box.settings.environment} --to ${id}`);
  const none = byHistory ?? targetByHistory(box, ground.past);
  const reason = none.is === 'none' ? none.reason : 'the target of the rollback is not known';
  throw refused(reason, named.length > 0 ? named : none.is === 'none' ? none.next : []);
}

const goesTo = (unfinished: RolloutRecord, wanted: string | undefined): boolean =>
  wanted === undefined || wanted === unfinished.to;

/** The newest rollout, where its way back was given up: the fleet may run two releases, and its record knows which and where. */
function failedWayBack({ outcomes: [newest], records }: Past): RolloutRecord | undefined {
  if (newest?.kind !== 'rollout' || newest.outcome !== 'failed') return undefined;
  return records.find(({ id }) => id === newest.rollout);
}

/** Weights that no record explains: which release is meant has to be said, and where that runs it gets the traffic. */
async function fromSplit(
  box: Toolbox,
  lease: Lease,
  fences: Fences,
  ground: Ground,
  request: RollbackRequest,
): Promise<OperationResult | undefined> {
  const { topology, past, seen } = ground;
  const lost = unexplained(box, ground);
  if (request.to !== undefined) {
    return restoreObserved(box, lease, fences, { topology, past, lost, base: request.to, seen }, request);
  }
  if (request.force) return undefined;
  const env = `--env ${box.settings.environment}`;
  const served = past.outcomes.flatMap(({ serving, from }) => [...(serving === null ? [] : [serving]), from]);
  const named = [...new Set(served)].map((id) => `deployctl rollback ${env} --to ${id}`);
  throw refused(`${lost.why}; say which release shall serve with --to. Nothing was changed`, [...named, lost.fix]);
}

function refuseChanged(box: Toolbox, changed: string, past: Past): DeployctlError {
  const env = `--env ${box.settings.environment}`;
  const { unfinished } = past;
  const again = unfinished === undefined ? [] : [`deployctl rollback ${env}   # undoes ${unfinished.id}`];
  const target = targetByHistory(box, past);
  const named = target.is === 'release' ? [`deployctl rollback ${env} --to ${target.release}`] : target.next;
  return refused(`${changed}. Nothing was changed; say which release is meant with --to`, [...again, ...named]);
}

/** An unfinished rollout explains the weights, and another release than its own is wanted. */
function leftHalfWay(box: Toolbox, unfinished: RolloutRecord, to: string | undefined): DeployctlError {
  const { environment } = box.settings;
  const { kind, id, by, phase } = unfinished;
  const env = `--env ${environment}`;
  const then = to === undefined ? [] : [`deployctl rollback ${env} --to ${to}   # then`];
  return new DeployctlError({
    code: 'rollout.unfinished',
    message: `${kind} ${id} of ${environment} by ${by} has not ended (phase: ${phase}) and left its weights half-way; what serves must be one release before a rollback to another. Nothing was changed`,
    exitCode: EXIT.refused,
    next: [
      kind === 'rollout'
        ? `deployctl rollback ${env}   # undoes it: back to ${unfinished.from}`
        : `deployctl resume ${env}   # goes on with it`,
      ...then,
    ],
  });
}

/**
 * Weights, when some service's idle color runs exactly the wanted release; else in place where its containers are kept, else the idle color is brought up
 * from kept containers or the image. What was found running before the first rollout can only come back from its own container.
 */
function quickestWay(box: Toolbox, ground: Ground, to: Release): How {
  const rolling: How = { ...howOf(box.settings, { strategy: 'rolling' }) };
  const blueGreen: How = { ...howOf(box.settings, { strategy: 'blue-green', steps: [100] }) };
  const changed = ground.topology.services.filter(({ settings }) => {
    return to.services[settings.name]?.release !== ground.present.release.services[settings.name]?.release;
  });
  if (changed.some(({ colors }) => colors.green === undefined || colors.blue === undefined)) return rolling;
  if (changed.some(({ routes }) => routes.length === 0)) return rolling;
  const flips = changed.filter((service) => {
    const live = ground.live.get(service.settings.name) ?? 'blue';
    return idleRelease(box, service, live, ground.seen) === to.services[service.settings.name]?.release;
  });
  if (flips.length === changed.length) return blueGreen;
  const onlyInPlace = changed.some((service) => {
    const live = ground.live.get(service.settings.name) ?? 'blue';
    return keptIn(box, ground, service, live, to) && !keptIn(box, ground, service, otherColor(live), to);
  });
  return onlyInPlace || box.settings.strategy === 'rolling' ? rolling : blueGreen;
}

/** Whether any instance keeps, or runs, the wanted release of a service in a color. */
function keptIn(box: Toolbox, ground: Ground, service: PlacedService, color: Color, to: Release): boolean {
  const { name } = service.settings;
  const want = to.services[name]?.release;
  const slot = placedSlot(service, color, ground.live.get(name));
  return membersOf(box, ground.seen.fleet, color).some(({ id }) =>
    (ground.seen.containers.get(id) ?? []).some(
      (container) => slot !== undefined && releaseOf(container) === want && belongs(container, slot),
    ),
  );
}

function refused(message: string, next: readonly string[]): DeployctlError {
  return new DeployctlError({ code: 'rollback.refused', message, exitCode: EXIT.refused, next });
}
