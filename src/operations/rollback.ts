import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Color } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { How, Plan } from '../domain/plan.js';
import { belongs } from '../domain/occupancy.js';
import type { RolloutRecord } from '../domain/record.js';
import { NO_RELEASE } from '../domain/release.js';
import type { Release } from '../domain/release.js';
import type { RolloutSummary } from '../domain/event.js';
import { currentRelease, rollbackTarget } from '../state/index.js';
import { releaseOf } from '../strategies/standing.js';
import type { Ground } from './begin.js';
import { begin, declined, groundOf, lockWaitOf, withLease } from './begin.js';
import type { OperationResult } from './drive.js';
import { drive, interruptedError, summaryOf } from './drive.js';
import { forecast } from './forecast.js';
import { observedIds, observedRelease, observedTarget } from './observed.js';
import { howOf, newRecord, planOf } from './plan.js';
import { preflight, refuseOn } from './preflight.js';
import { judgeRecord } from './requests.js';
import { idleRelease, membersOf, stamp } from './present.js';
import { goOnBack, wayBackOf } from './resume.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService } from './topology.js';
import { beforeChange, placedSlot, resolveTopology } from './topology.js';

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
  return withLease(box, { command: 'rollback', ...lockWaitOf(request) }, async (lease, fences) => {
    const unfinished = await beforeChange(() => box.state.unfinishedRollout(box.signal));
    const undone = unfinished ?? (await failedWayBack(box));
    const undoes = request.to === undefined || request.to === undone?.from;
    if (undone?.kind === 'rollout' && undoes) {
      return wayBackOf(box, lease, fences, undone, request.confirm);
    }
    if (unfinished?.kind === 'rollback' && unfinished.aim.to === 'new' && goesTo(unfinished, request.to)) {
      return goOnBack(box, lease, fences, unfinished, request.confirm);
    }
    const topology = await resolveTopology(box);
    const ground = await groundOf(box, topology, fences);
    // Weights that a rollout left half-way belong to neither of its releases: it is ended first, and --force does not change that.
    if (unfinished !== undefined && ground.live.size < topology.services.length) {
      throw leftHalfWay(box, unfinished, request.to);
    }
    const findings = ground.findings.filter(({ level }) => level === 'refuse' && !request.force);
    refuseOn(findings);
    const to = await targetOf(box, ground, request.to);
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
    const bare = planOf(box.settings, topology, record, from, to, {});
    const prediction = forecast(bare, topology, ground.seen, ground.now);
    const plan: Plan = { ...bare, estimate: prediction.duration };
    const judged = [
      ...ground.findings,
      ...judgeRecord(box, plan, record),
      ...(await preflight(box, topology, ground.seen, plan, prediction.duration)),
    ];
    if (!request.force) refuseOn(judged);
    const warnings = judged.map(({ text }) => text);
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

const goesTo = (unfinished: RolloutRecord, wanted: string | undefined): boolean =>
  wanted === undefined || wanted === unfinished.to;

/** The newest rollout, where its way back was given up: the fleet may run two releases, and its record knows which and where. */
async function failedWayBack(box: Toolbox): Promise<RolloutRecord | undefined> {
  const [newest] = await beforeChange(() => box.state.listOutcomes(1, box.signal));
  if (newest?.kind !== 'rollout' || newest.outcome !== 'failed') return undefined;
  return beforeChange(() => box.state.readRecord(newest.rollout, box.signal));
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

async function targetOf(box: Toolbox, ground: Ground, named: string | undefined): Promise<Release> {
  const { environment } = box.settings;
  const wanted = named ?? defaultTarget(box, ground);
  const id = typeof wanted === 'string' ? wanted : wanted.id;
  const stored = await beforeChange(() => box.state.getRelease(id, box.signal));
  const release = stored ?? (typeof wanted === 'string' ? observedRelease(ground, id) : wanted);
  if (release === undefined) {
    const listed = (await beforeChange(() => box.state.listReleases(box.signal))).releases.map((each) => each.id);
    const known = [...new Set([...listed, ...observedIds(ground)])];
    throw refused(`there is no release ${id} of ${environment}; known: ${known.slice(-10).join(', ') || 'none'}`, [
      ...known.slice(-1).map((each) => `deployctl rollback --env ${environment} --to ${each}`),
      `deployctl history --env ${environment}`,
    ]);
  }
  if (release.id === ground.present.release.id || (stored === undefined && isPresent(ground, release))) {
    throw refused(`release ${id} is what serves already`, [`deployctl history --env ${environment}`]);
  }
  const empty = Object.entries(release.services).find(([, service]) => service.release === NO_RELEASE);
  if (empty !== undefined) {
    throw refused(`before the first rollout nothing ran for ${empty[0]}, so there is nothing to go back to`, [
      `deployctl history --env ${environment}   # what has served here`,
    ]);
  }
  return release;
}

/** Whether every service runs that release. */
function isPresent({ present }: Ground, release: Release): boolean {
  const now = present.release.services;
  return Object.entries(release.services).every(([name, each]) => each.release === now[name]?.release);
}

/** A release's id, or what is observed where nothing is recorded. */
function defaultTarget(box: Toolbox, ground: Ground): string | Release {
  const target = rollbackTarget(ground.outcomes);
  const { environment } = box.settings;
  if (target.is === 'release') {
    if (ground.present.found) {
      throw refused(`the instances do not run what the record says serves: ${differences(ground)}`, [
        `deployctl status --env ${environment}   # what runs where`,
        `deployctl rollback --env ${environment} --to ${target.release}   # if that is what you want`,
      ]);
    }
    return target.release;
  }
  const observed = ground.outcomes.length === 0 ? observedTarget(box, ground) : undefined;
  if (observed !== undefined) return observed;
  const ids = ground.outcomes.length === 0 ? observedIds(ground) : target.candidates;
  const candidates = ids.map((release) => `deployctl rollback --env ${environment} --to ${release}`);
  throw refused(target.reason, candidates.length > 0 ? candidates : [`deployctl status --env ${environment}`]);
}

/** What the record says and what was found. */
function differences({ outcomes, present }: Ground): string {
  const recorded = currentRelease(outcomes);
  const found = Object.entries(present.release.services).map(([service, { release }]) => `${service} ${release}`);
  const said = recorded.is === 'known' ? recorded.release : 'no single release';
  return [`it says ${said}, they run ${found.join(', ')}`, ...present.remarks].join('; ');
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
