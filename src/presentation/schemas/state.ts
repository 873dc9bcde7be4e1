import { z } from 'zod';
import type { StatusResult } from '../../operations/status.js';

/* What `--json` says of the lock and of the store. */

const holder = z.strictObject({
  name: z.string(),
  host: z.string(),
  bootId: z.string(),
  pid: z.number(),
  processStart: z.string(),
  namespaces: z.string().exactOptional(),
});
const leases = [
  z.strictObject({ is: z.literal('free'), generation: z.number() }),
  z.strictObject({
    is: z.literal('held'),
    generation: z.number(),
    looks: z.enum(['fresh', 'stale', 'dead', 'unreadable']),
    holder: holder.exactOptional(),
    command: z.string().exactOptional(),
    rollout: z.string().exactOptional(),
    since: z.number().exactOptional(),
    lastBeat: z.number().exactOptional(),
    ttl: z.number().exactOptional(),
    why: z.string().exactOptional(),
  }),
] as const;
export const lease = z.discriminatedUnion('is', [...leases]);
export const leaseSeen: z.ZodType<StatusResult['lease']> = z.discriminatedUnion('is', [
  ...leases,
  z.strictObject({ is: z.literal('unknown'), why: z.string() }).describe('It cannot be read'),
]);

export const damaged = z
  .array(z.strictObject({ name: z.string(), why: z.string() }))
  .describe('Parameters that cannot be read');
