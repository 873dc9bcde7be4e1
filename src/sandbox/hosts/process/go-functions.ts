/** The functions of Go templates and those that Docker adds (Docker docs, "Format command and log output"). */
import { encodeJson, formatValue, quote, sprint, sprintf, truth, typeName } from './go-values.js';

type Fail = (message: string) => Error;
type TemplateFunction = (args: readonly unknown[], fail: Fail) => unknown;

const text = (value: unknown): string => (typeof value === 'string' ? value : formatValue(value));

function compare(args: readonly unknown[], fail: Fail): number {
  const [a, b] = args;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  throw fail('incompatible types for comparison');
}

function equals(args: readonly unknown[], fail: Fail): boolean {
  const [first, ...others] = args;
  if (others.length === 0) throw fail('missing argument for comparison');
  return others.some((other) => {
    const bothKnown = first !== undefined && first !== null && other !== undefined && other !== null;
    if (bothKnown && typeName(first) !== typeName(other)) throw fail('incompatible types for comparison');
    return first === other || (!bothKnown && (first ?? null) === (other ?? null));
  });
}

function index(args: readonly unknown[], fail: Fail): unknown {
  const [start, ...keys] = args;
  return keys.reduce((value: unknown, key) => {
    if (value === undefined || value === null) throw fail('index of untyped nil');
    if (value instanceof Map) return value.get(key) ?? zeroOf(value);
    if (Array.isArray(value)) {
      if (typeof key !== 'number') throw fail(`cannot index slice/array with type ${typeName(key)}`);
      if (key < 0 || key >= value.length) throw fail(`error calling index: index out of range: ${key}`);
      return value[key] as unknown;
    }
    if (typeof value === 'object') return Object.entries(value).find(([name]) => name === key)?.[1] as unknown;
    throw fail(`can't index item of type ${typeName(value)}`);
  }, start);
}

/** `index` of a missing key gives the zero value of the map's type: "" for labels, nothing for the rest. */
function zeroOf(map: ReadonlyMap<unknown, unknown>): unknown {
  const [sample] = map.values();
  return map.size === 0 || typeof sample === 'string' ? '' : undefined;
}

function length(args: readonly unknown[], fail: Fail): number {
  const [value] = args;
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (value === undefined || value === null) throw fail('len of nil pointer');
  throw fail(`len of type ${typeName(value)}`);
}

function join(args: readonly unknown[], fail: Fail): string {
  const [list, separator] = args;
  if (list === undefined || list === null) return '';
  if (!Array.isArray(list)) throw fail(`wrong type for value; expected []string; got ${typeName(list)}`);
  return list.map((item: unknown) => text(item)).join(text(separator));
}

const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  // `and` and `or` short-circuit, so the evaluator handles them; here they only have a name.
  and: (args) => args.find((value) => !truth(value)) ?? args.at(-1),
  or: (args) => args.find((value) => truth(value)) ?? args.at(-1),
  not: ([value]) => !truth(value),
  eq: equals,
  ne: (args, fail) => !equals(args, fail),
  lt: (args, fail) => compare(args, fail) < 0,
  le: (args, fail) => compare(args, fail) <= 0,
  gt: (args, fail) => compare(args, fail) > 0,
  ge: (args, fail) => compare(args, fail) >= 0,
  index,
  len: length,
  slice: ([value, from, to]) => {
    const start = typeof from === 'number' ? from : 0;
    const end = typeof to === 'number' ? to : undefined;
    return Array.isArray(value) ? (value as unknown[]).slice(start, end) : text(value).slice(start, end);
  },
  print: (args) => sprint(args),
  println: (args) => `${args.map((value) => formatValue(value)).join(' ')}\n`,
  printf: ([format, ...rest]) => sprintf(text(format), rest),
  html: ([value]) => text(value).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`),
  js: ([value]) => quote(text(value)).slice(1, -1),
  urlquery: ([value]) => encodeURIComponent(text(value)).replaceAll('%20', '+'),
  json: ([value]) => encodeJson(value),
  split: ([value, separator]) => text(value).split(text(separator)),
  join,
  lower: ([value]) => text(value).toLowerCase(),
  upper: ([value]) => text(value).toUpperCase(),
  title: ([value]) => text(value).replace(/(^|\s)\S/g, (match) => match.toUpperCase()),
  pad: ([value, before, after]) =>
    text(value) === '' ? '' : ' '.repeat(Number(before)) + text(value) + ' '.repeat(Number(after)),
  truncate: ([value, size]) => text(value).slice(0, Number(size)),
};

export function isFunction(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name);
}

/** @throws what `fail` makes of the reason, in Go's words */
export function callFunction(name: string, args: readonly unknown[], fail: Fail): unknown {
  const found = FUNCTIONS[name];
  if (found === undefined) throw fail(`function "${name}" not defined`);
  return found(args, fail);
}
