/** How Go prints, compares and encodes values. Structs are plain objects, maps are `Map`s, nil is undefined or null. */

/** The truth of `{{if}}`: false, 0, "", nil and what is empty are false; a struct is always true. */
export function truth(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return true;
}

/** The name that Go's errors would give a value's type. */
export function typeName(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return '[]interface {}';
  return value instanceof Map ? 'map[string]interface {}' : 'struct';
}

function sortedEntries(map: ReadonlyMap<unknown, unknown>): [string, unknown][] {
  return [...map.entries()]
    .map(([key, value]): [string, unknown] => [String(key), value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** `%v`. */
export function formatValue(value: unknown): string {
  if (value === undefined || value === null) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map((item: unknown) => formatValue(item)).join(' ')}]`;
  if (value instanceof Map) {
    return `map[${sortedEntries(value)
      .map(([key, item]) => `${key}:${formatValue(item)}`)
      .join(' ')}]`;
  }
  if (typeof value === 'object') {
    const fields = Object.values(value).filter((item) => typeof item !== 'function');
    return `{${fields.map((item: unknown) => formatValue(item)).join(' ')}}`;
  }
  return '';
}

/** A value as `JSON.stringify` can take it: maps become objects with sorted keys, methods disappear. */
export function plain(value: unknown): unknown {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map((item: unknown) => plain(item));
  if (value instanceof Map) return Object.fromEntries(sortedEntries(value).map(([key, item]) => [key, plain(item)]));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, item]) => typeof item !== 'function' && item !== undefined)
        .map(([key, item]: [string, unknown]) => [key, plain(item)]),
    );
  }
  return value;
}

/** Docker's `json` function: compact, keys of maps sorted, no HTML escapes. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(plain(value));
}

/** `%q` and `printf "%q"`. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, '\\x$1');
}

/** fmt.Sprintf for the verbs s, q, v, d, x, t, f and %. */
export function sprintf(format: string, args: readonly unknown[]): string {
  let next = 0;
  const text = format.replace(
    /%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const value = args[next++];
      let out: string;
      if (verb === 'q') out = quote(formatValue(value));
      else if (verb === 'x')
        out = typeof value === 'number' ? value.toString(16) : Buffer.from(formatValue(value)).toString('hex');
      else if (verb === 'f') out = Number(value).toFixed(precision === undefined ? 6 : Number(precision));
      else if (verb === 'd' && typeof value !== 'number') out = `%!d(${typeName(value)}=${formatValue(value)})`;
      else if (verb === 's' && (typeof value === 'number' || typeof value === 'boolean'))
        out = `%!s(${typeName(value)}=${formatValue(value)})`;
      else out = formatValue(value);
      const size = Number(width || 0);
      if (flags.includes('-')) return out.padEnd(size);
      return out.padStart(size, flags.includes('0') ? '0' : ' ');
    },
  );
  if (next >= args.length) return text;
  const extra = args.slice(next).map((value) => `${typeName(value)}=${formatValue(value)}`);
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}

/** fmt.Sprint: a space between operands when neither is a string. */
export function sprint(args: readonly unknown[]): string {
  return args
    .map((value, at) => {
      const before = args[at - 1];
      const space = at > 0 && typeof value !== 'string' && typeof before !== 'string';
      return (space ? ' ' : '') + formatValue(value);
    })
    .join('');
}
