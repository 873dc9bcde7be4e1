import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Amount, Warm } from '../domain/settings.js';

/*
 * Text as people write it in deployctl.yml and after flags → values. Every function here throws a DeployctlError `usage.value` (exit 64) whose
 * message shows the text and the forms that are accepted; the caller adds where the text stood.
 */

export type StatusRanges = readonly (readonly [number, number])[];

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];
const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;
export const MAX_DURATION = 366 * 86_400_000;

const LONGEST_SHOWN = 60;

/** The text in quotes, short enough for a message. */
function shortened(text: string): string {
  const whole = JSON.stringify(text.slice(0, 2 * LONGEST_SHOWN));
  return whole.length > LONGEST_SHOWN ? `${whole.slice(0, LONGEST_SHOWN - 3)}…` : whole;
}

/** The refusal of a value: `"5": a duration needs a unit…`. */
export function badValue(text: string, wanted: string): DeployctlError {
  return new DeployctlError({
    code: 'usage.value',
    message: `${shortened(text)}: ${wanted}`,
    exitCode: EXIT.usage,
  });
}

/**
 * `90s`, `5m`, `1h30m`, `500ms`, `0` → milliseconds. Units from large to small, each at most once; at most 366 days.
 */
export function parseDuration(text: string): Ms {
  if (text === '0') return 0;
  if (/^\d+$/.test(text)) throw badValue(text, `a duration needs a unit, such as ${text}s or ${text}m`);
  const match = DURATION.exec(text);
  if (text === '' || match === null) throw badValue(text, 'not a duration; write it like 500ms, 90s, 5m or 1h30m');
  const total = UNITS.reduce((sum, [, size], index) => sum + Number(match[index + 1] ?? 0) * size, 0);
  if (total > MAX_DURATION) throw badValue(text, 'a duration is at most 366d');
  return total;
}

/** A duration between `least` and `most`, both inclusive. */
export function parseDurationIn(text: string, least: Ms, most: Ms): Ms {
  const value = parseDuration(text);
  if (value < least || value > most)
    throw badValue(text, `must be from ${formatDuration(least)} to ${formatDuration(most)}`);
  return value;
}

/** The shortest text that `parseDuration` reads back as the same number: 5400000 → `1h30m`. */
export function formatDuration(duration: Ms): string {
  let rest = duration;
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0' : text;
}

/** `2` → a count, `25%` → a share of the fleet. At least 1, at most 100 %. */
export function parseAmount(text: string): Amount {
  const match = /^(\d{1,4})(%?)$/.exec(text);
  const value = Number(match?.[1]);
  if (match === null || value < 1)
    throw badValue(text, 'not an amount; write a number like 2 or a share of the fleet like 25%, at least 1');
  if (match[2] === '') return { is: 'count', value };
  if (value > 100) throw badValue(text, 'a share is at most 100%');
  return { is: 'percent', value };
}

/** `99%` or `99.5%` → 0.99, 0.995. */
export function parseShare(text: string): number {
  const match = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text);
  const value = Number(match?.[1]);
  if (match === null || value > 100) throw badValue(text, 'not a share; write it like 99% or 99.5%, at most 100%');
  return value / 100;
}

/** `200`, `200-299,304` → inclusive ranges of status codes. */
export function parseStatus(text: string): StatusRanges {
  return text.split(',').map((part) => {
    const match = /^\s*([1-5]\d\d)(?:-([1-5]\d\d))?\s*$/.exec(part);
    const low = Number(match?.[1]);
    const high = Number(match?.[2] ?? match?.[1]);
    if (match === null || low > high)
      throw badValue(text, 'not a list of HTTP status codes; write it like 200 or 200-299,304');
    return [low, high] as const;
  });
}

/** `10,50,100` → the steps of a shift, in percent of the traffic: whole numbers, ascending, the last is 100. */
export function parseSteps(text: string): readonly number[] {
  const steps = text.split(',').map((part) => (/^\s*\d{1,3}\s*$/.test(part) ? Number(part) : NaN));
  const wrong = stepsProblem(steps);
  if (wrong !== undefined) throw badValue(text, wrong);
  return steps;
}

/** Why these are not steps of a shift; undefined when they are. */
export function stepsProblem(steps: readonly number[]): string | undefined {
  if (!steps.every((step) => Number.isInteger(step) && step >= 1 && step <= 100))
    return 'steps are whole percentages from 1 to 100, like 10,50,100';
  if (steps.some((step, index) => index > 0 && step <= (steps[index - 1] ?? 0)))
    return 'steps must ascend, like 10,50,100';
  if (steps.at(-1) !== 100) return 'the last step must be 100: a shift ends with all traffic on the new version';
  return undefined;
}

/** `until-next`, or `0`: the old color is stopped when the rollout ends. No process waits for anything in between. */
export function parseWarm(text: string): Warm {
  if (text === 'until-next') return 'until-next';
  if (text === '0') return 'none';
  throw badValue(text, 'write until-next or 0; deployctl retire stops the previous color at any time');
}
