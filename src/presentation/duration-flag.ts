import { Flags } from '@oclif/core';
import { parseDurationIn } from '../config/units.js';
import type { Ms } from '../domain/ids.js';

const HOUR: Ms = 3_600_000;
/** As in the configuration: nothing that anybody means lasts longer. */
export const LONGEST: Ms = 48 * HOUR;
/** Who waits for a lock for longer than a day waits for a mistake. */
export const LONGEST_LOCK_WAIT: Ms = 24 * HOUR;

/** A flag that takes a duration between `least` and `most`. @throws DeployctlError `usage.value` (exit 64) */
export const durationFlag = (least: Ms, most: Ms = LONGEST) =>
  Flags.custom<number>({ parse: (text) => Promise.resolve(parseDurationIn(text, least, most)) });
