import { DeployctlError, EXIT } from '../domain/errors.js';
import type { OutcomeRecord, RolloutRecord, TimelineEntry } from '../domain/record.js';
import type { Release } from '../domain/release.js';
import { imageTag } from '../domain/release.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

export interface HistoryResult {
  readonly schemaVersion: 1;
  readonly app: string;
  readonly environment: string;
  readonly outcomes: readonly OutcomeRecord[];
  readonly unfinished?: RolloutRecord;
}

/** The last rollouts, newest first, each with its reason. */
export async function history(box: Toolbox, limit: number): Promise<HistoryResult> {
  const [outcomes, unfinished] = await beforeChange(() =>
    Promise.all([box.state.listOutcomes(limit, box.signal), box.state.unfinishedRollout(box.signal)]),
  );
  return {
    schemaVersion: 1,
    app: box.settings.app,
    environment: box.settings.environment,
    outcomes,
    ...(unfinished === undefined ? {} : { unfinished }),
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
}

/**
 * The timeline of one rollout. `id` is the whole id, or its end where that names one only; absent: the newest rollout.
 * @throws DeployctlError `history.unknown` (exit 12)
 */
export async function historyShow(box: Toolbox, id: string | undefined): Promise<HistoryShowResult> {
  const { signal } = box;
  const records = await beforeChange(() => box.state.listRecords(Infinity, signal));
  const fitting =
    id === undefined
      ? records.slice(0, 1)
      : records.filter((record) => record.id === id || record.id.endsWith(`-${id}`));
  const [record] = fitting;
  if (record === undefined || fitting.length > 1) throw unknown(box, id, records, fitting);
  const [timeline, outcomes, from, to] = await beforeChange(() =>
    Promise.all([
      box.state.readTimeline(record.id, signal),
      box.state.listOutcomes(Infinity, signal),
      box.state.getRelease(record.from, signal),
      box.state.getRelease(record.to, signal),
    ]),
  );
  const ended = outcomes.find(({ rollout, kind }) => rollout === record.id && kind !== 'adopted');
  const endedAt = ended?.endedAt ?? record.endedAt;
  return {
    schemaVersion: 1,
    app: box.settings.app,
    environment: box.settings.environment,
    rollout: record.id,
    kind: record.kind,
    strategy: record.how.is,
    by: record.by,
    from: record.from,
    to: record.to,
    services: movesOf(from, to),
    startedAt: new Date(record.startedAt).toISOString(),
    ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt).toISOString() }),
    outcome: ended?.outcome ?? record.outcome ?? 'unfinished',
    reason: ended?.reason ?? record.reason ?? '',
    phase: record.phase,
    serving: ended?.serving ?? null,
    excluded: record.excluded,
    timeline: (timeline?.entries ?? []).map(({ after, is, text }) => ({
      at: new Date(record.startedAt + after).toISOString(),
      afterSeconds: Math.round(after / 100) / 10,
      is,
      text,
    })),
    leftOut: timeline?.leftOut ?? 0,
  };
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
  records: readonly RolloutRecord[],
  fitting: readonly RolloutRecord[],
): DeployctlError {
  const { app, environment } = box.settings;
  const few = (all: readonly RolloutRecord[]): string =>
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
