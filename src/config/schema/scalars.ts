import { z } from 'zod';
import { messageOf } from '../../domain/errors.js';
import type { Ms } from '../../domain/ids.js';
import { isRepository, parseRepository } from '../images.js';
import type { StatusRanges } from '../units.js';
import { parseAmount, parseDurationIn, parseShare, parseStatus, parseWarm } from '../units.js';

/** The value as it stands in the file, short enough for a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

const isMissing = (value: unknown): value is undefined | null => value === undefined || value === null;

/** Text with a rule. `wanted` completes "…: " in the refusal and is all that is said, so it holds the rule and an example. */
export function text(pattern: RegExp, wanted: string) {
  return z
    .string({ error: (issue) => (isMissing(issue.input) ? `required; ${wanted}` : `${shown(issue.input)}: ${wanted}`) })
    .regex(pattern, { error: (issue) => `${shown(issue.input)}: ${wanted}` });
}

/** Any text that is not empty. A number must be quoted: YAML reads 1.10 as 1.1 and 010 as 10. */
export function plainText(wanted: string) {
  return z
    .string({
      error: (issue) =>
        isMissing(issue.input)
          ? `required; ${wanted}`
          : ['number', 'boolean'].includes(typeof issue.input)
            ? `${shown(issue.input)} is not text; put it in quotes`
            : `${shown(issue.input)}: ${wanted}`,
    })
    .min(1, { error: `empty; ${wanted}` });
}

/** A scalar that YAML may read as a number (`0`, `200`) and that `parse` reads as text; `title` and `pattern` are for editors and the reference. */
function parsed<T>(parse: (text: string) => T, wanted: string, title: string, pattern: string) {
  return z
    .union([z.string(), z.int()], {
      error: (issue) => (isMissing(issue.input) ? `required; ${wanted}` : `${shown(issue.input)}: ${wanted}`),
    })
    .transform((value, context) => {
      try {
        return parse(String(value));
      } catch (error) {
        context.issues.push({ code: 'custom', message: messageOf(error), input: value });
        return z.NEVER;
      }
    })
    .meta({ title, pattern });
}

/** A length of time between `least` and `most` (ms, inclusive). */
export function duration(least: Ms = 1, most: Ms = 48 * 3_600_000) {
  const parse = (text: string): Ms => parseDurationIn(text, least, most);
  return parsed(parse, 'write a duration like 500ms, 90s or 5m', 'duration', '^(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?$');
}

export const amount = () => parsed(parseAmount, 'write a number like 2 or a share like 25%', 'amount', '^[1-9]\\d*%?$');
export const share = () => parsed(parseShare, 'write a share like 99%', 'share', '^\\d{1,3}(\\.\\d{1,3})?%$');
export const warm = () =>
  parsed(parseWarm, 'write until-next or 0', '`until-next` or `0`', '^(until-next|0)$');
export const status = () =>
  parsed<StatusRanges>(parseStatus, 'write status codes like 200 or 200-299,304', 'status codes', '^[1-5]\\d\\d(-[1-5]\\d\\d)?(,[1-5]\\d\\d(-[1-5]\\d\\d)?)*$');

export const repository = () =>
  plainText('write an image repository like shop/backend').superRefine((value, context) => {
    if (isRepository(value)) return;
    try {
      parseRepository(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
    }
  });

export function integer(least: number, most: number) {
  const wanted = `write a whole number from ${least} to ${most}`;
  const error = (issue: { readonly input?: unknown }): string =>
    isMissing(issue.input) ? `required; ${wanted}` : `${shown(issue.input)}: ${wanted}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export const port = () => integer(1, 65_535);
export const flag = () => z.boolean({ error: (issue) => `${shown(issue.input)}: write true or false` });

/** One of a few words. Nearest-word help is added where the problem is worded. */
export function word<const W extends readonly [string, ...string[]]>(words: W) {
  return z.enum(words);
}

export function list<T extends z.ZodType>(element: T, wanted: string) {
  return z.array(element, { error: (issue) => `${shown(issue.input)}: write a list: ${wanted}` });
}

/** Words in argv form: no shell reads them. */
export const argv = (example: string) => list(plainText('each element is text'), example);

/** Names that become parts of container names, labels and Parameter Store paths. */
export const NAME = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
export const NAME_RULE = 'write 1 to 32 lower case letters, digits and dashes, a letter first, no dash last';
export const name = () => text(NAME, NAME_RULE);

export const urlPath = () => text(/^\/[^\s#]*$/, 'write a path that starts with /, like /health');
export const variable = () => text(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable is letters, digits and _, and starts with no digit');

/** Name of a parameter (SSM guide, "Requirements and constraints for parameter names"). */
export const PARAMETER = /^(?:\/[A-Za-z0-9_.-]+){1,15}$|^[A-Za-z0-9_.-]+$/;
export const PARAMETER_RULE = 'write the name of a parameter in Parameter Store, like /shop/production/database-url';
