import { z } from 'zod';
import { PLACES } from '../../domain/event.js';
import type { LogsResult } from '../../operations/containers.js';
import type { ExecResult } from '../../operations/exec.js';
import type { DoctorResult } from '../../operations/doctor/index.js';
import type { OperationResult } from '../../operations/drive.js';
import type { HistoryShowResult } from '../../operations/history.js';
import type { Policy, TrustPolicy } from '../../operations/iam-policy.js';
import type { ReportResult } from '../../operations/report.js';
import type { PlanResult } from '../../operations/rollout.js';
import type { StatusResult } from '../../operations/status.js';
import type { ValidateResult } from '../../operations/validate.js';
import type { SteerResult } from '../../operations/steer.js';
import { sandboxSchemas } from './sandbox.js';
import { damaged, lease, leaseSeen } from './state.js';

/*
 * What `--json` prints, for `schema/output.schema.json`. A test holds the documents of the built command line to it.
 */

const version = { schemaVersion: z.literal(1) };
const texts = z.array(z.string());
const where = { app: z.string(), environment: z.string() };
const time = z.iso.datetime();
const color = z.enum(['blue', 'green']);
const moves = z.array(z.strictObject({ service: z.string(), from: z.string(), to: z.string() }));
const ended = z.enum(['succeeded', 'rolled-back', 'failed']);

const exitCode = z.literal([0, 2, 10, 11, 12, 13, 14, 64, 70, 130]);

const operation: z.ZodType<OperationResult> = z.strictObject({
  ...version,
  ...where,
  ok: z.boolean(),
  outcome: z.enum(['succeeded', 'nothing-to-do', 'rolled-back', 'failed', 'held', 'interrupted']),
  exitCode,
  rollout: z.string().exactOptional(),
  strategy: z.string(),
  from: z.string(),
  to: z.string(),
  serving: z.string().nullable(),
  reason: z.string(),
  durationSeconds: z.number(),
  services: z.array(z.strictObject({ service: z.string(), from: z.string(), to: z.string(), color: z.string() })),
  excluded: texts,
  warnings: texts,
  next: texts,
});

const plan: z.ZodType<PlanResult> = z.strictObject({
  ...version,
  ...where,
  ok: z.boolean(),
  somethingToDo: z.boolean(),
  strategy: z.string(),
  from: z.string(),
  to: z.string(),
  services: moves,
  estimateSeconds: z.number(),
  steps: z.array(
    z.strictObject({
      after: z.number().describe('Milliseconds after the start'),
      text: z.string(),
      reason: z.string(),
      capacity: z.record(z.string(), z.string()).describe('Service → healthy targets with traffic'),
    }),
  ),
  findings: z.array(z.strictObject({ level: z.enum(['refuse', 'warn']), text: z.string(), fix: z.string() })),
});

const target = z.strictObject({
  instance: z.string(),
  name: z.string(),
  zone: z.string(),
  state: z.string(),
  runs: z.string(),
  release: z.string().exactOptional(),
  since: time.exactOptional(),
  description: z.string().exactOptional(),
});
const status: z.ZodType<StatusResult> = z.strictObject({
  ...version,
  ...where,
  release: z.string().nullable(),
  recorded: z
    .string()
    .nullable()
    .exactOptional()
    .describe('Release on record, where another one serves; null: the record cannot be read'),
  since: time.exactOptional(),
  by: z.string().exactOptional(),
  services: z.array(
    z.strictObject({
      service: z.string(),
      image: z.string(),
      release: z.string(),
      live: z.enum(['blue', 'green', 'unclear']),
      weights: z.partialRecord(color, z.number()).describe('Percent of the traffic'),
      colors: z.array(z.strictObject({ color, port: z.number(), targets: z.array(target) })),
    }),
  ),
  instances: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      zone: z.string(),
      agent: z.string(),
      silent: z.string().exactOptional(),
    }),
  ),
  running: z
    .strictObject({
      rollout: z.string(),
      kind: z.string(),
      strategy: z.string(),
      by: z.string(),
      services: moves,
      phase: z.string(),
      aim: z.enum(['new', 'old']),
      because: z.string().exactOptional(),
      startedAt: time,
      deadline: time,
      driven: z.boolean(),
      waits: z.array(z.strictObject({ what: z.string(), until: time })),
    })
    .exactOptional(),
  last: z
    .strictObject({
      rollout: z.string(),
      kind: z.string(),
      outcome: ended,
      reason: z.string(),
      by: z.string(),
      endedAt: time,
    })
    .exactOptional(),
  lease: leaseSeen,
  problems: texts,
  unread: z
    .strictObject({ operation: z.string(), message: z.string(), fix: z.string() })
    .exactOptional()
    .describe('A call to AWS that failed, so that part of this is not known'),
  next: texts,
});

const outcome = z.strictObject({
  schema: z.literal(1),
  generation: z.number(),
  rollout: z.string(),
  kind: z.enum(['rollout', 'rollback', 'adopted', 'retire']),
  strategy: z.string(),
  from: z.string(),
  to: z.string(),
  serving: z.string().nullable(),
  outcome: ended,
  reason: z.string(),
  by: z.string(),
  startedAt: z.number(),
  endedAt: z.number(),
  images: z.record(z.string(), z.string()),
  excluded: texts,
});
const history = z.strictObject({
  ...version,
  ...where,
  outcomes: z.array(outcome),
  unfinished: z
    .looseObject({ id: z.string(), kind: z.string(), by: z.string(), phase: z.string() })
    .describe('Its record as it is stored; only these fields are promised')
    .exactOptional(),
  damaged,
});

const shown = z.strictObject({
  ...version,
  ...where,
  rollout: z.string(),
  kind: z.string(),
  strategy: z.string(),
  by: z.string(),
  from: z.string(),
  to: z.string(),
  services: moves,
  startedAt: time,
  endedAt: time.exactOptional(),
  outcome: z.enum(['succeeded', 'rolled-back', 'failed', 'held', 'interrupted', 'unfinished']),
  reason: z.string(),
  phase: z.string(),
  serving: z.string().nullable(),
  excluded: texts,
  timeline: z.array(
    z.strictObject({
      at: time,
      afterSeconds: z.number(),
      is: z.enum(['phase', 'step', 'traffic', 'failure', 'back', 'hold', 'note']),
      text: z.string(),
    }),
  ),
  leftOut: z.number(),
  damaged,
});
const historyShow: z.ZodType<HistoryShowResult> = shown;

const afterSeconds = z.number().describe('Seconds since the start');
const report: z.ZodType<ReportResult> = shown.extend({
  seconds: z.number().describe('From its start to its end, or to the last that is known of it'),
  weights: z.array(
    z.strictObject({
      afterSeconds,
      service: z.string(),
      percents: z.partialRecord(color, z.number()).describe('Percent of the traffic from then on'),
    }),
  ),
  lanes: z.array(
    z.strictObject({
      instance: z.string(),
      name: z.string(),
      service: z.string(),
      color,
      places: z.array(z.strictObject({ afterSeconds, place: z.enum(PLACES) })),
    }),
  ),
  probes: z.array(
    z.strictObject({
      probe: z.string(),
      buckets: z.array(
        z.strictObject({
          afterSeconds,
          good: z.number(),
          bad: z.number(),
          p50Ms: z.number().describe('Median latency of the good answers').exactOptional(),
          p95Ms: z.number().describe('95th percentile of the same').exactOptional(),
        }),
      ),
    }),
  ),
  missing: texts.describe('What cannot be drawn, and why'),
});

const steer: z.ZodType<SteerResult> = z.strictObject({
  ...version,
  rollout: z.string(),
  asked: z.enum(['abort', 'pause', 'promote']),
  phase: z.string(),
  driven: z.boolean(),
  next: texts,
});

const validate: z.ZodType<ValidateResult> = z.strictObject({
  ...version,
  ...where,
  ok: z.boolean(),
  outcome: z.enum(['passed', 'failed', 'rolled-back', 'rollback-failed']),
  exitCode,
  phases: z.array(
    z.strictObject({
      phase: z.enum(['validation', 'monitoring']),
      passed: z.boolean(),
      why: z.string(),
      seconds: z.number(),
    }),
  ),
  rollback: operation.exactOptional(),
  next: texts,
});

const logs: z.ZodType<LogsResult> = z.strictObject({
  ...version,
  ...where,
  service: z.string(),
  logs: z.array(
    z.strictObject({
      instance: z.string(),
      name: z.string(),
      color,
      container: z.string(),
      truncated: z.boolean(),
      lines: z.array(z.strictObject({ time: z.string().exactOptional(), text: z.string() })),
    }),
  ),
});

const exec: z.ZodType<ExecResult> = z.strictObject({
  ...version,
  ...where,
  ok: z.boolean(),
  exitCode: z.literal([0, 1, 14, 130]),
  service: z.string(),
  results: z.array(
    z.strictObject({
      instance: z.string(),
      name: z.string(),
      exitCode: z.number(),
      stdout: z.string(),
      stderr: z.string(),
      truncated: z.boolean(),
    }),
  ),
  stopped: z
    .strictObject({
      instance: z.string(),
      name: z.string(),
      why: z.string(),
      mayHaveRun: z.boolean().describe('false: it did not run there'),
      notRunOn: texts.describe('Names of the instances that it has not come to'),
    })
    .exactOptional()
    .describe('Absent: it has run on every chosen instance'),
  next: texts,
});

const doctor: z.ZodType<DoctorResult> = z.strictObject({
  ...version,
  ...where,
  ok: z.boolean().describe('No check failed'),
  region: z.string(),
  strategy: z.string(),
  estimateSeconds: z.number().exactOptional(),
  areas: z.array(
    z.strictObject({
      area: z.string(),
      checks: z.array(
        z.strictObject({
          level: z.enum(['ok', 'warn', 'fail', 'skip']),
          text: z.string(),
          fix: z.string().exactOptional(),
        }),
      ),
    }),
  ),
  counts: z.strictObject({ ok: z.number(), warn: z.number(), fail: z.number(), skip: z.number() }),
  next: texts,
});

const init = z.strictObject({
  ...version,
  file: z.string().describe('Absolute path of what was written'),
  app: z.string(),
  environment: z.string(),
  services: texts,
  remarks: texts,
  next: texts,
});

const iamPolicy: z.ZodType<Policy> = z
  .strictObject({
    Version: z.literal('2012-10-17'),
    Statement: z.array(
      z.strictObject({
        Sid: z.string(),
        Effect: z.literal('Allow'),
        Action: z.array(z.string()),
        Resource: z.union([z.string(), z.array(z.string())]),
        Condition: z.record(z.string(), z.record(z.string(), z.string())).exactOptional(),
      }),
    ),
  })
  .describe('An IAM policy document as IAM takes it, which is why it has no schemaVersion');

const trustPolicy: z.ZodType<TrustPolicy> = z
  .strictObject({
    Version: z.literal('2012-10-17'),
    Statement: z.array(
      z.strictObject({ Effect: z.literal('Allow'), Principal: z.strictObject({ Service: z.string() }), Action: texts }),
    ),
  })
  .describe('The trust policy of a role as IAM takes it');

const completion = z.strictObject({ ...version, script: z.string() });

const error = z.strictObject({
  ...version,
  ok: z.literal(false),
  error: z.strictObject({ code: z.string(), message: z.string(), exitCode: z.number(), next: texts }),
});

/** By what prints it. */
export const documentSchemas = {
  operation,
  plan,
  status,
  history,
  historyShow,
  report,
  steer,
  validate,
  logs,
  exec,
  lease,
  doctor,
  init,
  iamPolicy,
  trustPolicy,
  completion,
  error,
  ...sandboxSchemas,
} as const;
