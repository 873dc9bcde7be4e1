import { DeployctlError, EXIT } from '../domain/errors.js';
import type { OutcomeRecord, RolloutRecord, TimelineEntry } from '../domain/record.js';
import type { Release } from '../domain/release.js';
import { imageTag } from '../domain/release.js';
import { damageOf } from '../state/index.js';
import type { Damage, Past } from '../state/index.js';
import { damageText, pastOf, restoreFix } from './damage.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

export interface HistoryResult {
  readonly schemaVersion: 1;
  readonly app: string;
  readonly environment: string;
  readonly outcomes: readonly OutcomeRecord[];
  readonly unfinished?: RolloutRecord;
  /** Parameters of the history that cannot be read. */
  readonly damaged: readonly Damage[];
}

/** The last rollouts, newest first, each with its reason. */
export async function history(box: Toolbox, limit: number): Promise<HistoryResult> {
  const { outcomes, unfinished, damaged } = await pastOf(box);
  return {
    schemaVersion: 1,
    app: box.settings.app,
    environment: box.settings.environment,
    outcomes: outcomes.slice(0, limit),
    ...(unfinished === undefined ? {} : { unfinished }),
    damaged,
  };
}

/** One rollout, from its beginning to its end. */
export interface HistoryShowResult {
  readonly schemaVersion: 1;
  readonly app: string;
  readonly environment: string;
  readonly rollout: string;
  readonly kind: string;
  readonly strategy: string;
  readonly by: string;
  /** Release ids. */
  readonly from: string;
  readonly to: string;
  readonly services: readonly { readonly service: string; readonly from: string; readonly to: string }[];
  readonly startedAt: string;
  readonly endedAt?: string;
  /** `unfinished`: it runs, holds, or its process is gone. */
  readonly outcome: 'succeeded' | 'rolled-back' | 'failed' | 'held' | 'interrupted' | 'unfinished';
  readonly reason: string;
  readonly phase: string;
  readonly serving: string | null;
  readonly excluded: readonly string[];
  readonly timeline: readonly {
    readonly at: string;
    readonly afterSeconds: number;
    readonly is: TimelineEntry['is'];
    readonly text: string;
  }[];
  /** Entries of the timeline that were dropped from its middle. */
  readonly leftOut: number;
  /** Parameters of this rollout that cannot be read: what they hold is missing above. */
  readonly damaged: readonly Damage[];
}

/**
 * The timeline of one rollout. `id` is the whole id, or its end where that names one only; absent: the newest rollout.
 * @throws DeployctlError `history.unknown`, `history.damaged` (exit 12)
 */
export async function historyShow(box: Toolbox, id: string | undefined): Promise<HistoryShowResult> {
  const { signal } = box;
  const past = await pastOf(box);
  const names = (each: string): boolean => each === id || each.endsWith(`-${String(id)}`);
  const records = beginnings(past);
  const fitting = id === undefined ? records.slice(0, 1) : records.filter((record) => names(record.id));
  const [record] = fitting;
  const broken = past.damaged.find(({ name }) => id !== undefined && names(name.split('/').at(-1) ?? ''));
  if (record === undefined && broken !== undefined) throw damagedError(box, broken);
  if (record === undefined || fitting.length > 1) throw unknown(box, id, records, fitting);
  const [timeline, from, to] = await beforeChange(() =>
    Promise.all([
      unlessDamaged(() => box.state.readTimeline(record.id, signal)),
      box.state.readRelease(record.from, signal),
      box.state.readRelease(record.to, signal),
    ]),
  );
  const ended = past.outcomes.find(({ rollout, kind }) => rollout === record.id && kind !== 'adopted');
  const endedAt = ended?.endedAt ?? record.endedAt;
  return {
    schemaVersion: 1,
    app: box.settings.app,
    environment: box.settings.environment,
    rollout: record.id,
    kind: record.kind,
    strategy: record.strategy,
    by: record.by,
    from: record.from,
    to: record.to,
    services: movesOf(from?.release, to?.release),
    startedAt: new Date(record.startedAt).toISOString(),
    ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt).toISOString() }),
    outcome: ended?.outcome ?? record.outcome ?? 'unfinished',
    reason: ended?.reason ?? record.reason ?? '',
    phase: record.phase,
    serving: ended?.serving ?? null,
    excluded: record.excluded,
    timeline: (timeline.value?.entries ?? []).map(({ after, is, text }) => ({
      at: new Date(record.startedAt + after).toISOString(),
      afterSeconds: Math.round(after / 100) / 10,
      is,
      text,
    })),
    leftOut: timeline.value?.leftOut ?? 0,
    damaged: [
      ...past.damaged.filter(({ name }) => name.split('/').at(-1) === record.id),
      ...timeline.damaged,
      ...(from?.damage ?? []),
      ...(to?.damage ?? []),
    ],
  };
}

/** What is shown of the beginning of a rollout. */
type Beginning = Pick<
  RolloutRecord,
  'id' | 'kind' | 'by' | 'from' | 'to' | 'startedAt' | 'endedAt' | 'outcome' | 'reason' | 'phase' | 'excluded'
> & { readonly strategy: string };

/** Newest first. Of a rollout whose record cannot be read, its outcome tells most. */
function beginnings({ records, outcomes }: Past): readonly Beginning[] {
  const known = new Set(records.map(({ id }) => id));
  const others = outcomes.flatMap(({ rollout, kind, serving: _, ...outcome }): readonly (Beginning & At)[] =>
    kind === 'adopted' || known.has(rollout) ? [] : [{ ...outcome, id: rollout, kind, phase: '' }],
  );
  const own = records.map((record): Beginning & At => ({ ...record, strategy: record.how.is }));
  return [...own, ...others].sort((a, b) => b.generation - a.generation);
}

interface At {
  readonly generation: number;
}

/** What cannot be read is named, and what is there besides is shown. Anything else rejects. */
export async function unlessDamaged<T>(
  read: () => Promise<T>,
): Promise<{ readonly value?: T; readonly damaged: readonly Damage[] }> {
  try {
    return { value: await read(), damaged: [] };
  } catch (error) {
    return { damaged: [damageOf(error)] };
  }
}

function damagedError(box: Toolbox, damage: Damage): DeployctlError {
  return new DeployctlError({
    code: 'history.damaged',
    message: damageText(damage),
    exitCode: EXIT.refused,
    next: [restoreFix(damage), `deployctl history --env ${box.settings.environment}`],
  });
}

/** Services that differ, by the tags of their images. */
export function movesOf(
  from: Release | undefined,
  to: Release | undefined,
): readonly { readonly service: string; readonly from: string; readonly to: string }[] {
  const tag = (release: Release | undefined, name: string): string => {
    const image = release?.services[name]?.spec.image;
    return image === undefined ? 'nothing' : imageTag(image);
  };
  return Object.entries(to?.services ?? {})
    .filter(([name, { release }]) => release !== from?.services[name]?.release)
    .map(([name]) => ({ service: name, from: tag(from, name), to: tag(to, name) }));
}

function unknown(
  box: Toolbox,
  id: string | undefined,
  records: readonly Beginning[],
  fitting: readonly Beginning[],
): DeployctlError {
  const { app, environment } = box.settings;
  const few = (all: readonly Beginning[]): string =>
    all
      .slice(0, 3)
      .map((record) => record.id)
      .join(', ');
  const known = records.length === 0 ? 'there is none yet' : `the newest are ${few(records)}`;
  const several = `${String(fitting.length)} rollouts of ${app}/${environment} end with ${JSON.stringify(id)}: ${few(fitting)}`;
  const none =
    id === undefined
      ? `${app}/${environment} has no rollout to show: ${known}`
      : `no rollout of ${app}/${environment} has the id ${JSON.stringify(id)}, or ends with it; ${known}`;
  return new DeployctlError({
    code: 'history.unknown',
    message: fitting.length > 1 ? several : none,
    exitCode: EXIT.refused,
    next: [`deployctl ${records.length === 0 ? 'status' : 'history'} --env ${environment}`],
  });
}
