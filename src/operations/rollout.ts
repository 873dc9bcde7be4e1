import type { InstanceId, Ms, ServiceName, TargetGroupArn } from '../domain/ids.js';
import { fixFor, PortError } from '../domain/errors.js';
import type { RolloutSummary } from '../domain/event.js';
import type { Plan } from '../domain/plan.js';
import { imageTag } from '../domain/release.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Lease } from '../state/index.js';
import type { Prediction } from '../strategies/predict.js';
import { isChanged } from '../strategies/preload.js';
import type { Ground } from './begin.js';
import { begin, claimed, declined, groundOf, lockWaitOf, withLease } from './begin.js';
import type { OperationResult } from './drive.js';
import { openFindings, pastOf } from './damage.js';
import { drive, interruptedError, summaryOf } from './drive.js';
import { forecast } from './forecast.js';
import type { ImageRequest } from './goal.js';
import { goalRelease } from './goal.js';
import { Hooks } from './hooks.js';
import { judgeLock, readLease } from './lease.js';
import { unfinishedError } from './running.js';
import type { HowOptions } from './plan.js';
import { nothingToDo } from './nothing.js';
import { howOf, newRecord, planOf } from './plan.js';
import type { Finding } from './preflight.js';
import { preflight, refuseOn } from './preflight.js';
import { judgeRecord } from './requests.js';
import { stamp } from './present.js';
import { goOnWith } from './resume.js';
import { retireAfter } from './retire.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange, resolveTopology } from './topology.js';

export interface RolloutRequest {
  readonly images: ReadonlyMap<ServiceName, ImageRequest>;
  readonly options: HowOptions;
  readonly lockWait?: number;
  /** Asked before the first change; false ends the operation. */
  readonly confirm: (summary: RolloutSummary, warnings: readonly string[]) => Promise<boolean>;
}

/** What `plan` answers. */
export interface PlanResult {
  readonly schemaVersion: 1;
  readonly ok: boolean;
  readonly somethingToDo: boolean;
  readonly app: string;
  readonly environment: string;
  readonly strategy: string;
  readonly from: string;
  readonly to: string;
  readonly services: readonly { readonly service: string; readonly from: string; readonly to: string }[];
  readonly estimateSeconds: number;
  readonly steps: Prediction['steps'];
  readonly findings: readonly Finding[];
}

/** Moves the environment to a new release, or converges the fleet to the present one when no image is named. */
export async function rollout(box: Toolbox, request: RolloutRequest): Promise<OperationResult> {
  const topology = await resolveTopology(box);
  const images = [...request.images].map(([service, image]) => `${service}=${image.tag ?? image.digest ?? ''}`);
  const command = ['rollout', ...images].join(' ');
  let begun = false;
  return withLease(box, { command, ...lockWaitOf(request) }, async (lease, fences) => {
    if (begun) return goOnWith(box, lease, fences);
    await refuseUnfinished(box);
    const ground = await groundOf(box, topology, fences);
    const prepared = await prepare(box, ground, request, lease.generation);
    refuseOn(prepared.findings);
    await proveRights(box, ground, lease, prepared.plan);
    const { plan, record } = prepared;
    const warnings = prepared.findings.map(({ text }) => text);
    if (isReached(prepared)) return nothingToDo(plan, 'the release is live everywhere already', warnings);
    if (!(await request.confirm(summaryOf(plan, record.by), warnings))) throw declined();
    if (box.signal.aborted) throw interruptedError();
    for (const text of warnings) box.emit({ type: 'note', level: 'warning', text });
    await new Hooks(box, summaryOf(plan, record.by)).beforeRollout();
    if (box.signal.aborted) throw interruptedError();

    await begin(box, ground, lease, plan, record);
    begun = true;
    const result = await drive(box, lease, fences, plan, record, ground.seen, { resumed: false, warnings });
    if (result.outcome === 'succeeded') await retireAfter(box, lease, fences, plan);
    return result;
  });
}

/** The same reads, judgements and decisions as `rollout`, over a model, with no lease and no change. */
export async function plan(box: Toolbox, request: Omit<RolloutRequest, 'confirm'>): Promise<PlanResult> {
  const topology = await resolveTopology(box);
  const [ground, lock] = await Promise.all([groundOf(box, topology, undefined), readLease(box)]);
  const { unfinished } = ground.past;
  if (unfinished !== undefined) throw unfinishedError(box, unfinished, lock);
  const prepared = await prepare(box, ground, request, 0);
  const conflicts = await beforeChange(() => box.state.claimConflicts(claimed(box, topology), box.signal));
  const findings: Finding[] = [
    ...prepared.findings,
    ...judgeLock(box.settings, lock),
    ...conflicts.map(({ name, what, app, environment }) => ({
      level: 'refuse' as const,
      text: `${what} is managed by ${app}/${environment}`,
      fix: `give this environment another one in deployctl.yml, or, if ${app}/${environment} has given it up: aws ssm delete-parameter --name ${name}`,
    })),
  ];
  refuseOn(findings);
  const made = prepared.plan;
  return {
    schemaVersion: 1,
    ok: true,
    somethingToDo: !isReached(prepared),
    app: made.app,
    environment: made.environment,
    strategy: made.how.is,
    from: made.from.id,
    to: made.to.id,
    services: made.services.filter(isChanged).map(({ service, from, to }) => ({
      service,
      from: imageTag(from.spec.image),
      to: imageTag(to.spec.image),
    })),
    estimateSeconds: Math.round(prepared.prediction.duration / 1000),
    steps: prepared.prediction.steps,
    findings,
  };
}

interface Prepared {
  readonly plan: Plan;
  readonly record: RolloutRecord;
  readonly findings: readonly Finding[];
  readonly prediction: Prediction;
}

async function prepare(
  box: Toolbox,
  ground: Ground,
  request: Omit<RolloutRequest, 'confirm'>,
  generation: number,
): Promise<Prepared> {
  const { topology, seen, present, now } = ground;
  const from = present.release;
  // What makes the rest meaningless is refused first: a fleet of 0 has no instance that could resolve a tag.
  refuseOn([...ground.findings, ...openFindings(box, ground.past)]);
  const to = await goalRelease(box, topology, from, request.images, seen.fleet, now);
  const excluded = box.settings.unreachable === 'exclude' ? [...seen.silent.keys()] : [];
  const record = newRecord({
    settings: box.settings,
    id: `ro-${stamp(now)}-${box.random.hex(4)}`,
    kind: 'rollout',
    generation,
    by: box.actor.name,
    now,
    deadline: now + box.settings.timing.rolloutDeadline,
    from,
    to,
    how: howOf(box.settings, request.options),
    live: Object.fromEntries(ground.live),
    seen,
    excluded,
    skipValidation: request.options.skipValidation === true,
    ...(request.options.bake === undefined ? {} : { bake: request.options.bake }),
  });
  const bare = planOf(box.settings, topology, record, from, to);
  const prediction = forecast(bare, topology, seen, now);
  const made: Plan = { ...bare, estimate: prediction.duration };
  const findings = [
    ...ground.findings,
    ...judgeRecord(box, made, record),
    ...(await preflight(box, topology, seen, made, prediction.duration)),
  ];
  return { plan: made, record, findings, prediction };
}

/** Every service's release is live everywhere already: the decisions say so over the model of the world as it is. */
function isReached({ plan: made, prediction }: Prepared): boolean {
  return made.services.every((service) => !isChanged(service)) && prediction.steps.length === 0;
}

/** A reading that took longer may show the past. */
const FRESH_FOR: Ms = 3000;

/** Rights that can be proven without a change: registering a target that is registered changes nothing. */
async function proveRights(box: Toolbox, ground: Ground, lease: Lease, made: Plan): Promise<void> {
  if (lease.lost.aborted) throw lease.lost.reason;
  // The reads before may have taken longer than the lease lasts: what was registered then may be another's to take out by now.
  if (!lease.isValid(box.changeLimit)) return;
  for (const service of made.services) {
    const color = service.colors[service.live];
    if (color === undefined) continue;
    const registered = [...(ground.seen.targets.get(color.group) ?? [])].find(
      ([, target]) => target.state === 'healthy',
    );
    if (registered === undefined) continue;
    const instance = ground.seen.fleet.find(({ id }) => registered[0] === `${id}:${String(color.port)}`);
    if (instance === undefined) continue;
    const began = box.clock.now();
    const now = await beforeChange(() => box.traffic.targets(color.group, box.signal));
    // Another hand may have taken it out since it was read first: then to register it would be a change.
    if (now.get(registered[0])?.state !== 'healthy' || box.clock.now() - began > FRESH_FOR) return;
    const target = { instance: instance.id, port: color.port };
    await beforeChange(() => provenRegister(box, color.group, target));
    return;
  }
}

/** Only a clear no counts: an answer that was lost proves nothing either way, which is told. */
async function provenRegister(
  box: Toolbox,
  group: TargetGroupArn,
  target: { readonly instance: InstanceId; readonly port: number },
): Promise<void> {
  try {
    await box.traffic.register(group, [target], box.signal);
  } catch (error) {
    const passing = error instanceof PortError && (error.mayHaveTakenEffect || error.kind === 'throttled');
    if (!passing || error.kind === 'aborted') throw error;
    const text = `whether this identity may register targets is not known: ${error.message}; ${fixFor(error)}`;
    box.emit({ type: 'note', level: 'warning', text });
  }
}

/** A rollout that did not end is ended first: whatever it left half-way is explained by its record only. */
async function refuseUnfinished(box: Toolbox): Promise<void> {
  const { unfinished } = await pastOf(box);
  // The lock is ours by now, so nobody drives it.
  if (unfinished !== undefined) throw unfinishedError(box, unfinished, { is: 'free', generation: 0 });
}
