import { z } from 'zod';
import { MOST_GENERATION } from '../domain/host.js';
import { isArn, isDigest, isInstanceId } from '../domain/ids.js';
import type { Arn, Digest, InstanceId } from '../domain/ids.js';
import type {
  Actor,
  LeaseRecord,
  OutcomeRecord,
  PictureRecord,
  RolloutRecord,
  TimelineRecord,
} from '../domain/record.js';
import { PLACES } from '../domain/event.js';
import type { RunSpec, ServiceRelease } from '../domain/release.js';
import type { Steer } from '../domain/observation.js';
import type { GateSettings, Timing } from '../domain/settings.js';

/*
 * The shapes of what is stored. Objects are loose: a field that a later version added survives a read and a write by this one.
 */

const count = z.number().int().nonnegative();
/** Up to the year 2286: what is later is no time that a clock has shown, and far later ones are none that can be written down (ECMA-262, time values). */
const instant = z.number().nonnegative().max(9_999_999_999_999);
const duration = z.number().nonnegative();
const generation = z.number().int().nonnegative().max(MOST_GENERATION);
const color = z.enum(['blue', 'green']);
const arn = z.custom<Arn>((value) => typeof value === 'string' && isArn(value), 'expected an ARN');
const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'expected sha256:<64 hex>');
const instance = z.custom<InstanceId>((value) => typeof value === 'string' && isInstanceId(value), 'expected i-…');
const texts = z.record(z.string(), z.string());
const version = z.literal(1);
/** A later version may know more places than this one, and a picture is no reason to fail. */
const place = z.enum(PLACES).catch('unknown');

const actor: z.ZodType<Actor> = z.looseObject({
  name: z.string(),
  host: z.string(),
  bootId: z.string(),
  pid: count,
  processStart: z.string(),
  namespaces: z.string().exactOptional(),
});

/** A lease as stored: besides the domain's record, when the generation was taken. */
export interface StoredLease extends LeaseRecord {
  readonly since: number;
}

export const leaseSchema: z.ZodType<StoredLease> = z.looseObject({
  schema: version,
  generation,
  nonce: z.string().min(1),
  holder: actor,
  command: z.string(),
  rollout: z.string().exactOptional(),
  ttl: duration,
  beat: count,
  at: instant,
  since: instant,
  released: z.boolean(),
});

const weights = z.record(arn, z.array(z.looseObject({ group: arn, weight: count })));
const amount = z.discriminatedUnion('is', [
  z.looseObject({ is: z.literal('count'), value: z.number() }),
  z.looseObject({ is: z.literal('percent'), value: z.number() }),
]);

const range = z.tuple([z.number(), z.number()]);
const timing: z.ZodType<Timing> = z.looseObject({
  settle: duration,
  stabilize: duration,
  bake: duration,
  healthTimeout: duration,
  hostCommand: duration,
  pullTimeout: duration,
  quiet: duration,
  drainCap: duration,
  rolloutDeadline: duration,
  hold: duration,
  poll: duration,
});
const gates: z.ZodType<GateSettings> = z.looseObject({
  probes: z.array(
    z.looseObject({
      name: z.string(),
      url: z.string(),
      service: z.string().exactOptional(),
      status: z.array(range),
      contains: z.string().exactOptional(),
      interval: duration,
      timeout: duration,
      successRate: z.number(),
      minSamples: count,
      maxLatencyP95: duration.exactOptional(),
    }),
  ),
  commands: z.array(z.looseObject({ name: z.string(), command: z.array(z.string()), timeout: duration })),
  inconclusive: z.enum(['pass', 'fail']),
});

export const rolloutSchema: z.ZodType<RolloutRecord> = z.looseObject({
  schema: version,
  id: z.string().min(1),
  kind: z.enum(['rollout', 'rollback', 'retire']),
  generation,
  by: z.string(),
  startedAt: instant,
  deadline: instant,
  from: z.string(),
  to: z.string(),
  how: z.discriminatedUnion('is', [
    z
      .looseObject({
        is: z.literal('rolling'),
        maxParallel: amount,
        minimumHealthy: amount.exactOptional(),
        /** The name of `minimumHealthy` in earlier records. */
        floor: amount.exactOptional(),
        allowDowntime: z.boolean(),
      })
      .transform(({ floor, ...how }) => (floor === undefined ? how : { minimumHealthy: floor, ...how })),
    z.looseObject({
      is: z.literal('blue-green'),
      steps: z.array(z.number()),
      stickySeconds: z.number().exactOptional(),
    }),
    z.looseObject({ is: z.literal('retire') }),
  ]),
  aim: z.discriminatedUnion('to', [
    z.looseObject({ to: z.literal('new'), epoch: count }),
    z.looseObject({ to: z.literal('old'), epoch: count, because: z.string(), askedBy: z.string().exactOptional() }),
  ]),
  live: z.record(z.string(), color),
  weightsBefore: weights,
  stickinessBefore: z.record(arn, z.looseObject({ enabled: z.boolean(), seconds: z.number().exactOptional() })),
  weightsIntended: weights.exactOptional(),
  weightsLast: weights.exactOptional(),
  tasks: z.record(z.string(), z.enum(['intended', 'succeeded', 'failed'])).exactOptional(),
  excluded: z.array(instance),
  adopts: z
    .record(z.string(), z.looseObject({ repository: z.string(), containers: z.array(z.string()) }))
    .exactOptional(),
  asked: z.looseObject({ timing, gates }).exactOptional(),
  phase: z.string(),
  waits: z.array(z.looseObject({ what: z.string(), until: instant })).exactOptional(),
  notified: z.array(z.string()),
  discordMessage: z.string().exactOptional(),
  skipValidation: z.boolean().exactOptional(),
  endedAt: instant.exactOptional(),
  outcome: z.enum(['succeeded', 'rolled-back', 'failed', 'held', 'interrupted']).exactOptional(),
  reason: z.string().exactOptional(),
});

export const timelineSchema: z.ZodType<TimelineRecord> = z.looseObject({
  schema: version,
  rollout: z.string(),
  leftOut: count,
  entries: z.array(
    z.looseObject({
      after: z.number(),
      is: z.enum(['phase', 'step', 'traffic', 'failure', 'back', 'hold', 'note']),
      text: z.string(),
    }),
  ),
});

export const pictureSchema: z.ZodType<PictureRecord> = z.looseObject({
  schema: version,
  rollout: z.string(),
  weights: z.array(
    z.looseObject({ after: z.number(), service: z.string(), percents: z.partialRecord(color, z.number()) }),
  ),
  lanes: z.array(
    z.looseObject({
      instance,
      name: z.string(),
      service: z.string(),
      color,
      places: z.array(z.tuple([z.number(), place])),
    }),
  ),
  probes: z.array(
    z.looseObject({
      probe: z.string(),
      buckets: z.array(
        z.looseObject({
          after: z.number(),
          good: count,
          bad: count,
          p50: duration.exactOptional(),
          p95: duration.exactOptional(),
        }),
      ),
    }),
  ),
  dropped: z.array(z.enum(['probes', 'instances', 'weights'])).exactOptional(),
});

export const outcomeSchema: z.ZodType<OutcomeRecord> = z.looseObject({
  schema: version,
  generation,
  rollout: z.string(),
  kind: z.enum(['rollout', 'rollback', 'adopted', 'retire']),
  strategy: z.string(),
  from: z.string(),
  to: z.string(),
  serving: z.string().nullable(),
  outcome: z.enum(['succeeded', 'rolled-back', 'failed']),
  reason: z.string(),
  by: z.string(),
  startedAt: instant,
  endedAt: instant,
  images: texts,
  excluded: z.array(instance),
});

export const steerSchema: z.ZodType<Steer> = z.looseObject({
  schema: version,
  id: z.string().min(1),
  is: z.enum(['abort', 'pause', 'promote']),
  by: z.string(),
  at: instant,
  reason: z.string().exactOptional(),
  for: duration.exactOptional(),
});

const runSpec: z.ZodType<RunSpec> = z.looseObject({
  image: z.looseObject({ repository: z.string(), tag: z.string().exactOptional(), digest }),
  containerPort: count,
  env: texts,
  envFiles: z.array(z.string()),
  secrets: texts,
  runOptions: z.array(z.string()),
  command: z.array(z.string()),
  stopTimeout: duration,
  health: z.looseObject({
    path: z.string(),
    passes: count,
    interval: duration,
    timeout: duration,
    startTimeout: duration,
  }),
  checks: z.array(
    z.looseObject({
      path: z.string(),
      method: z.string(),
      headers: texts,
      status: z.array(range),
      contains: z.string().exactOptional(),
      samples: count,
      maxFailures: count,
      timeout: duration,
    }),
  ),
  task: z.looseObject({ command: z.array(z.string()), timeout: duration }).exactOptional(),
  rollback: z.enum(['auto', 'manual']),
});

/** What a release's service unpacks to. */
export const serviceReleaseSchema: z.ZodType<ServiceRelease> = z.looseObject({ release: z.string(), spec: runSpec });

/** The first parameter of a release's service; `data` goes on in `part-2` and so on. */
export interface ReleaseHead {
  readonly schema: 1;
  readonly release: string;
  readonly service: string;
  readonly createdAt: number;
  readonly adopted: boolean;
  /** All services of the release: a release of which one is missing is damaged, not smaller. */
  readonly services: readonly string[];
  /** Checksum of the service's run spec. */
  readonly sha256: string;
  readonly parts: number;
  readonly data: string;
}

export const headSchema: z.ZodType<ReleaseHead> = z.looseObject({
  schema: version,
  release: z.string(),
  service: z.string(),
  createdAt: instant,
  adopted: z.boolean(),
  services: z.array(z.string()).min(1),
  sha256: z.string().length(64),
  parts: count.min(1),
  data: z.string(),
});

export interface ClaimRecord {
  readonly schema: 1;
  readonly app: string;
  readonly environment: string;
  readonly kind: 'group' | 'route' | 'port';
  readonly what: string;
  readonly at: number;
}

export const claimSchema: z.ZodType<ClaimRecord> = z.looseObject({
  schema: version,
  app: z.string(),
  environment: z.string(),
  kind: z.enum(['group', 'route', 'port']),
  what: z.string(),
  at: instant,
});
