import { z } from 'zod';
import { PLACES } from '../../domain/event.js';

/*
 * The lines of `--events FILE`, for `schema/events.schema.json`. A test holds every event that there is to it.
 */

const instant = z.number().describe('Milliseconds since 1970-01-01 UTC');
const ms = z.number().describe('Milliseconds');
const color = z.enum(['blue', 'green']);
const kind = z.enum(['rollout', 'rollback', 'retire']);
const instance = z.string().describe('Instance id');

const place = z.enum(PLACES);

const line = z.strictObject({
  instance,
  name: z.string(),
  zone: z.string(),
  service: z.string(),
  color,
  place,
  waitsFor: z.string().exactOptional(),
  until: instant.exactOptional(),
});

const failure = z.strictObject({
  phase: z.enum(['inspect', 'quiet', 'pull', 'task', 'start', 'stop', 'restore']),
  service: z.string().exactOptional(),
  release: z.string().exactOptional(),
  code: z.string(),
  message: z.string(),
  lastProbe: z.string().exactOptional(),
  exitCode: z.number().exactOptional(),
  oomKilled: z.boolean().exactOptional(),
  logTail: z.string().exactOptional(),
  at: instant,
});

const moves = z.array(z.strictObject({ service: z.string(), from: z.string(), to: z.string() }));

const summary = z.strictObject({
  rollout: z.string(),
  kind,
  app: z.string(),
  environment: z.string(),
  strategy: z.string(),
  from: z.string().describe('Release id'),
  to: z.string().describe('Release id'),
  by: z.string(),
  services: moves,
  estimate: ms.exactOptional(),
});

const weights = z.array(z.strictObject({ group: z.string(), weight: z.number() }));
const slot = { instance, service: z.string(), color };
const targets = z.strictObject({
  is: z.enum(['register', 'deregister']),
  group: z.string().describe('Target group ARN'),
  targets: z.array(z.strictObject({ instance, port: z.number() })),
});
const action = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('inspect'), instance }),
  z.strictObject({ is: z.literal('quiet'), ...slot, container: z.string() }),
  z.strictObject({ is: z.literal('pull'), instance }),
  z.strictObject({ is: z.literal('task'), instance, service: z.string() }),
  z.strictObject({ is: z.enum(['start', 'restore']), ...slot, release: z.string() }),
  z.strictObject({ is: z.literal('stop'), ...slot }),
  targets,
  z.strictObject({
    is: z.literal('weights'),
    route: z.string().describe('ARN of a listener or rule'),
    frame: z.string(),
    expected: weights,
    set: weights,
    stickiness: z.strictObject({ enabled: z.boolean(), seconds: z.number().exactOptional() }).exactOptional(),
  }),
]);

const view = z.strictObject({
  rollout: z.string(),
  kind,
  app: z.string(),
  environment: z.string(),
  strategy: z.string(),
  aim: z.enum(['new', 'old']),
  phase: z.string(),
  startedAt: instant,
  estimate: ms.exactOptional(),
  services: z.array(
    z.strictObject({
      service: z.string(),
      from: z.string(),
      to: z.string(),
      live: color,
      weights: z.partialRecord(color, z.number()).describe('Percent of the traffic'),
    }),
  ),
  instances: z.array(line),
  waits: z.array(
    z.strictObject({
      what: z.string(),
      instance: instance.exactOptional(),
      service: z.string().exactOptional(),
      until: instant,
    }),
  ),
  reason: z.string(),
});

const event = <T extends string, S extends z.core.$ZodShape>(type: T, shape: S) =>
  z.strictObject({ version: z.literal(1), time: z.iso.datetime(), type: z.literal(type), ...shape });

/** One line. New types and new fields may come without a new `version`: readers pass over what they do not know. */
export const eventLineSchema = z.discriminatedUnion('type', [
  event('note', { level: z.enum(['info', 'warning']), text: z.string() }),
  event('rollout.started', { summary, resumed: z.boolean() }),
  event('phase.changed', { phase: z.string(), reason: z.string() }),
  event('action.sent', { action, text: z.string() }),
  event('action.failed', { action, text: z.string(), why: z.string() }),
  event('host.done', { instance, name: z.string(), text: z.string(), took: ms }),
  event('host.failed', { instance, name: z.string(), failure }),
  event('instance.moved', { line, before: place.exactOptional() }),
  event('traffic.shifted', { service: z.string(), color, percent: z.number() }),
  event('bake.started', { key: z.string(), until: instant }),
  event('probe.sampled', { probe: z.string(), latency: ms, why: z.string().exactOptional() }),
  event('rollback.started', { reason: z.string(), failure: failure.exactOptional() }),
  event('outage.started', {
    service: z.string(),
    color,
    percent: z.number().describe('Of the traffic'),
    movesTo: color.describe('Where the traffic goes now; absent: no color has a healthy target').exactOptional(),
  }),
  event('outage.ended', { service: z.string(), color, lasted: ms }),
  event('hold.started', { reason: z.string(), until: instant }),
  event('view', { view }),
  event('rollout.ended', {
    summary,
    outcome: z.enum(['succeeded', 'rolled-back', 'failed', 'held', 'interrupted']),
    reason: z.string(),
    askedBy: z.string().describe('Who asked for the way back; absent where nobody did').exactOptional(),
    took: ms,
    serving: z.string(),
    failure: failure.exactOptional(),
    next: z.array(z.string()),
  }),
]);
