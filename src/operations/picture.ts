import type { EventBody, InstanceLine, ServiceLine } from '../domain/event.js';
import type { Ms } from '../domain/ids.js';
import type { Picture, ProbeBucket } from '../domain/record.js';

/** Points of a curve: about what a page can show. */
const BUCKETS = 60;

/** What is drawn of a view. */
interface Moment {
  readonly services: readonly Pick<ServiceLine, 'service' | 'weights'>[];
  readonly instances: readonly Pick<InstanceLine, 'instance' | 'name' | 'service' | 'color' | 'place'>[];
}
/** The events that are drawn. */
export type Drawn =
  | { readonly type: 'view'; readonly view: Moment }
  | Pick<Extract<EventBody, { readonly type: 'probe.sampled' }>, 'type' | 'probe' | 'latency' | 'why'>;

type Weights = Picture['weights'][number];
type Lane = Picture['lanes'][number];
interface Sample {
  readonly after: Ms;
  readonly latency: Ms;
  readonly good: boolean;
}

/** Draws along with a rollout: collects from its events what a picture of it needs. */
export class PictureTaker {
  readonly #weights: Weights[] = [];
  readonly #lanes = new Map<string, Omit<Lane, 'places'> & { readonly places: Lane['places'][number][] }>();
  readonly #samples = new Map<string, Sample[]>();

  /** @param after since the start of the rollout */
  take(event: EventBody | Drawn, after: Ms): void {
    if (event.type === 'view') this.#look(event.view, after);
    if (event.type !== 'probe.sampled') return;
    const samples = this.#samples.get(event.probe) ?? [];
    samples.push({ after, latency: event.latency, good: event.why === undefined });
    this.#samples.set(event.probe, samples);
  }

  #look(view: Moment, after: Ms): void {
    for (const { service, weights } of view.services) {
      if (weights.blue === undefined && weights.green === undefined) continue;
      const last = this.#weights.findLast((entry) => entry.service === service)?.percents;
      if (last?.blue === weights.blue && last?.green === weights.green) continue;
      this.#weights.push({ after, service, percents: weights });
    }
    for (const { instance, name, service, color, place } of view.instances) {
      const key = JSON.stringify([service, color, instance]);
      const lane = this.#lanes.get(key) ?? { instance, name, service, color, places: [] };
      this.#lanes.set(key, lane);
      if (lane.places.at(-1)?.[1] !== place) lane.places.push([after, place]);
    }
  }

  /** @param before of the processes that drove the rollout before: a resumed one is one picture */
  picture(before?: Picture): Picture {
    const drawn: Picture = {
      weights: this.#weights,
      lanes: [...this.#lanes.values()],
      probes: [...this.#samples].map(([probe, samples]) => ({ probe, buckets: bucketsOf(samples) })),
    };
    return before === undefined ? drawn : joined(before, drawn);
  }
}

function joined(before: Picture, after: Picture): Picture {
  const same = (one: Lane, other: Lane): boolean =>
    one.instance === other.instance && one.service === other.service && one.color === other.color;
  const { dropped } = before;
  return {
    weights: [...before.weights, ...after.weights],
    lanes: [
      ...before.lanes.map((lane) => {
        const more = after.lanes.find((each) => same(each, lane))?.places ?? [];
        return { ...lane, places: [...lane.places, ...more] };
      }),
      ...after.lanes.filter((lane) => !before.lanes.some((each) => same(each, lane))),
    ],
    probes: [
      ...before.probes.map(({ probe, buckets }) => {
        const more = after.probes.find((each) => each.probe === probe)?.buckets ?? [];
        return { probe, buckets: [...buckets, ...more] };
      }),
      ...after.probes.filter(({ probe }) => !before.probes.some((each) => each.probe === probe)),
    ],
    ...(dropped === undefined ? {} : { dropped }),
  };
}

/** Equal spans of time from the first sample to the last; the ones without a sample, between two bakes, are left out. */
function bucketsOf(samples: readonly Sample[]): readonly ProbeBucket[] {
  const first = samples[0]?.after ?? 0;
  const span = Math.max(1, Math.ceil(((samples.at(-1)?.after ?? first) - first + 1) / BUCKETS));
  const buckets = new Map<number, Sample[]>();
  for (const sample of samples) {
    const index = Math.floor((sample.after - first) / span);
    const bucket = buckets.get(index) ?? [];
    bucket.push(sample);
    buckets.set(index, bucket);
  }
  return [...buckets].map(([index, inside]): ProbeBucket => {
    const sorted = inside.filter(({ good }) => good).map(({ latency }) => latency);
    sorted.sort((a, b) => a - b);
    const [p50, p95] = [percentile(sorted, 0.5), percentile(sorted, 0.95)];
    return {
      after: first + index * span,
      good: sorted.length,
      bad: inside.length - sorted.length,
      ...(p50 === undefined || p95 === undefined ? {} : { p50, p95 }),
    };
  });
}

/** By nearest rank, in whole milliseconds. */
function percentile(sorted: readonly Ms[], share: number): Ms | undefined {
  const value = sorted[Math.ceil(sorted.length * share) - 1];
  return value === undefined ? undefined : Math.round(value);
}
