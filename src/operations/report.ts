import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Place } from '../domain/event.js';
import type { Color } from '../domain/ids.js';
import type { Picture } from '../domain/record.js';
import type { HistoryShowResult } from './history.js';
import { damageText } from './damage.js';
import { historyShow, unlessDamaged } from './history.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

/** One rollout with everything that can be drawn of it. Seconds are since its start. */
export interface ReportResult extends HistoryShowResult {
  /** From its start to its end, or to the last that is known of it. */
  readonly seconds: number;
  readonly weights: readonly {
    readonly afterSeconds: number;
    readonly service: string;
    /** Share of the traffic from then on. */
    readonly percents: Readonly<Partial<Record<Color, number>>>;
  }[];
  readonly lanes: readonly {
    readonly instance: string;
    readonly name: string;
    readonly service: string;
    readonly color: Color;
    readonly places: readonly { readonly afterSeconds: number; readonly place: Place }[];
  }[];
  readonly probes: readonly {
    readonly probe: string;
    readonly buckets: readonly {
      readonly afterSeconds: number;
      readonly good: number;
      readonly bad: number;
      readonly p50Ms?: number;
      readonly p95Ms?: number;
    }[];
  }[];
  /** What cannot be drawn, and why, in sentences. */
  readonly missing: readonly string[];
}

/** What an event log holds. */
export interface LoggedPicture {
  readonly rollout: string;
  readonly picture: Picture;
}

/**
 * Everything that is known of one rollout. `id` is the whole id, or its end.
 * @param logged the picture of an event log, in the place of the stored one
 * @throws DeployctlError `history.unknown` (exit 12), `report.events` (exit 64)
 */
export async function report(box: Toolbox, id: string, logged?: LoggedPicture): Promise<ReportResult> {
  const shown = await historyShow(box, id);
  if (logged !== undefined && logged.rollout !== shown.rollout) {
    throw new DeployctlError({
      code: 'report.events',
      message: `the event log is of ${logged.rollout}, wanted ${shown.rollout}`,
      exitCode: EXIT.usage,
      next: [`deployctl report ${logged.rollout} --env ${shown.environment} --html rollout.html`],
    });
  }
  const stored =
    logged === undefined
      ? await beforeChange(() => unlessDamaged(() => box.state.readPicture(shown.rollout, box.signal)))
      : { damaged: [] };
  const picture = logged?.picture ?? stored.value;
  const { weights = [], lanes = [], probes = [] } = picture ?? {};
  return {
    ...shown,
    seconds: lengthOf(shown, picture),
    weights: weights.map(({ after, service, percents }) => ({ afterSeconds: seconds(after), service, percents })),
    lanes: lanes.map(({ instance, name, service, color, places }) => ({
      instance,
      name,
      service,
      color,
      places: places.map(([after, place]) => ({ afterSeconds: seconds(after), place })),
    })),
    probes: probes.map(({ probe, buckets }) => ({
      probe,
      buckets: buckets.map(({ after, good, bad, p50, p95 }) => ({
        afterSeconds: seconds(after),
        good,
        bad,
        ...(p50 === undefined ? {} : { p50Ms: p50 }),
        ...(p95 === undefined ? {} : { p95Ms: p95 }),
      })),
    })),
    damaged: [...shown.damaged, ...stored.damaged],
    missing: stored.damaged.length > 0 ? stored.damaged.map(damageText) : missingOf(shown, picture),
  };
}

const seconds = (ms: number): number => Math.round(ms / 100) / 10;

function lengthOf(shown: HistoryShowResult, picture: Picture | undefined): number {
  const last = [
    ...(shown.endedAt === undefined ? [] : [Date.parse(shown.endedAt) - Date.parse(shown.startedAt)]),
    ...shown.timeline.map(({ afterSeconds }) => afterSeconds * 1000),
    ...(picture?.weights ?? []).map(({ after }) => after),
    ...(picture?.lanes ?? []).flatMap(({ places }) => places.map(([after]) => after)),
    ...(picture?.probes ?? []).flatMap(({ buckets }) => buckets.map(({ after }) => after)),
  ];
  return seconds(last.reduce((longest, after) => Math.max(longest, after), 0));
}

function missingOf(shown: HistoryShowResult, picture: Picture | undefined): readonly string[] {
  if (picture === undefined) {
    return shown.outcome === 'unfinished'
      ? [
          `${shown.kind} ${shown.rollout} has not ended, and its picture is stored when it does; --events FILE draws the event log of its process`,
        ]
      : [
          'no picture was stored: the process died before it could, or an earlier version of deployctl drove it; --events FILE draws an event log',
        ];
  }
  const words = { probes: 'the curves of the probes', instances: 'the lanes of the instances', weights: 'the weights' };
  const dropped = picture.dropped ?? [];
  return [
    ...dropped.map((what) => `${words[what]} had no room in the record; --events FILE draws them from the event log`),
    ...(picture.probes.length > 0 || dropped.includes('probes')
      ? []
      : ['no probe was sampled: none is configured in gates.probes, or no bake was reached']),
    ...(picture.weights.length > 0 || dropped.includes('weights')
      ? []
      : ['there are no weights: each service has one target group, or no route was read']),
  ];
}
