import { z } from 'zod';

/*
 * What the commands of the sandbox print with `--json`. The sandbox knows nothing of deployctl, so there is no type to hold these to: a test holds the
 * documents themselves.
 */

const color = z.enum(['blue', 'green']);
const ms = z.number().describe('Milliseconds');

const status = z
  .strictObject({
    endpoint: z.string().describe('Where AWS clients find it'),
    region: z.string(),
    runtime: z.enum(['process', 'docker']),
    timeScale: z.number().describe('How many times faster than AWS'),
    loadBalancer: z.strictObject({ url: z.string(), arn: z.string(), listenerArn: z.string() }),
    targetGroups: z.array(z.strictObject({ service: z.string(), color, arn: z.string() })),
    instances: z.array(z.strictObject({ id: z.string(), zone: z.string(), address: z.string(), state: z.string() })),
    stateDir: z.string(),
    pid: z.number(),
    faults: z.array(z.looseObject({ kind: z.string() })),
    ready: z.boolean().describe('Whether release 1.0.0 of the shop serves'),
    errors: z.array(z.string()).describe('What went wrong in the background'),
  })
  .describe('sandbox status, sandbox up');

const env = z
  .strictObject({
    AWS_ENDPOINT_URL: z.string(),
    AWS_REGION: z.string(),
    AWS_DEFAULT_REGION: z.string(),
    AWS_ACCESS_KEY_ID: z.string(),
    AWS_SECRET_ACCESS_KEY: z.string(),
    AWS_EC2_METADATA_DISABLED: z.string(),
  })
  .describe(
    'sandbox env: variables by name, and nothing else, so that they can be taken as an environment; {} with --unset',
  );

const fault = z
  .strictObject({ faults: z.array(z.looseObject({ kind: z.string() })) })
  .describe('sandbox fault: the faults that are in force then');

const load = z
  .strictObject({
    requests: z.number(),
    failures: z.number(),
    broken: z.number().describe('Connections that broke, or timed out, before an answer was whole; part of failures'),
    byStatus: z.record(z.string(), z.number()),
    byVersion: z.record(z.string(), z.number()),
    latencyMs: z.strictObject({ p50: ms, p90: ms, p99: ms, max: ms }),
    durationMs: ms,
    rate: z.number().describe('Requests per second that were started'),
    firstFailures: z.array(
      z.strictObject({
        time: z.iso.datetime(),
        path: z.string(),
        status: z.number().exactOptional(),
        version: z.string().exactOptional(),
        error: z.string().exactOptional(),
      }),
    ),
  })
  .describe('sandbox load');

const build = z.strictObject({ reference: z.string(), digest: z.string() }).describe('sandbox build');

const down = z.strictObject({ ending: z.enum(['none', 'closed', 'killed']) }).describe('sandbox down');

/** By what prints it. */
export const sandboxSchemas = {
  sandboxStatus: status,
  sandboxEnv: env,
  sandboxFault: fault,
  sandboxLoad: load,
  sandboxBuild: build,
  sandboxDown: down,
} as const;
