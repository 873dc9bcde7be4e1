import { z } from 'zod';
import { DeployctlError, EXIT } from '../../domain/errors.js';
import { PLACES } from '../../domain/event.js';
import { isInstanceId } from '../../domain/ids.js';
import type { InstanceId } from '../../domain/ids.js';
import { PictureTaker } from '../../operations/picture.js';
import type { LoggedPicture } from '../../operations/report.js';

/*
 * What a picture needs of an event log, and no more: a later version's log may hold fields and types that this one does not know.
 */

const color = z.enum(['blue', 'green']);
const view = z.looseObject({
  rollout: z.string(),
  startedAt: z.number(),
  services: z.array(z.looseObject({ service: z.string(), weights: z.partialRecord(color, z.number()) })),
  instances: z.array(
    z.looseObject({
      instance: z.custom<InstanceId>((value) => typeof value === 'string' && isInstanceId(value), 'expected i-…'),
      name: z.string(),
      service: z.string(),
      color,
      place: z.enum(PLACES).catch('unknown'),
    }),
  ),
});
const line = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('view'), time: z.iso.datetime(), view }),
  z.looseObject({
    type: z.literal('probe.sampled'),
    time: z.iso.datetime(),
    probe: z.string(),
    latency: z.number(),
    why: z.string().exactOptional(),
  }),
]);
const anything = z.looseObject({ type: z.string() });

/**
 * Draws what `--events FILE` of a rollout has written. A last line that broke off, of a process that was killed or still writes, is passed over.
 * @throws DeployctlError `report.events` (exit 64)
 */
export function pictureOf(text: string, file: string): LoggedPicture {
  const lines = text.split('\n').filter((each) => each.trim() !== '');
  const taker = new PictureTaker();
  let of: { readonly rollout: string; readonly startedAt: number } | undefined;
  for (const [index, raw] of lines.entries()) {
    const value = parsed(raw);
    if (value === undefined && index === lines.length - 1 && !text.endsWith('\n')) break;
    const { type } = anything.safeParse(value).data ?? {};
    if (type === undefined) throw refused(file, `line ${String(index + 1)} is no event`);
    if (type !== 'view' && type !== 'probe.sampled') continue;
    const event = line.safeParse(value);
    if (!event.success) throw refused(file, `line ${String(index + 1)} is no ${type} that this version knows`);
    if (event.data.type === 'view') of ??= event.data.view;
    if (of === undefined) continue;
    taker.take(event.data, Date.parse(event.data.time) - of.startedAt);
  }
  if (of === undefined) throw refused(file, 'it shows no moment of a rollout');
  return { rollout: of.rollout, picture: taker.picture() };
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function refused(file: string, why: string): DeployctlError {
  return new DeployctlError({
    code: 'report.events',
    message: `${file} is not the event log of a rollout: ${why}`,
    exitCode: EXIT.usage,
    next: ['name the file that rollout, rollback or resume has written with --events'],
  });
}
