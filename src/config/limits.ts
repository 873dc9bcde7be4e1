import { open } from 'node:fs/promises';
import type { Path, Problem } from './problems.js';

/*
 * How large a configuration may be. Real ones are a few kilobytes; what is far beyond that is a mistake, and is said at once, before minutes are spent on
 * reading and checking it.
 */

/** Bytes of the file. */
const MOST_BYTES = 512 * 1024;
/** Values, each alias counted as what it stands for. */
const MOST_VALUES = 50_000;
const DEEPEST = 40;
/** Of `services` and of `environments`. */
const MOST_ENTRIES = 100;
/** Problems that are told at once. */
export const MOST_PROBLEMS = 50;

/** The file's text; undefined: it is too large. Never reads more than that takes: it may have no end. */
export async function readLimited(path: string): Promise<string | undefined> {
  const file = await open(path);
  try {
    const bytes = Buffer.alloc(MOST_BYTES + 1);
    let size = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, size, bytes.length - size);
      size += bytesRead;
      if (size > MOST_BYTES) return undefined;
      if (bytesRead === 0) return bytes.toString('utf8', 0, size);
    }
  } finally {
    await file.close();
  }
}

export const tooLarge = `larger than 512 KB (${String(MOST_BYTES)} bytes), the most that a configuration may be; is it the right file?`;

/**
 * What no schema has to see: more values than anybody reads, nesting that no key has, and the one key that JavaScript takes for something else.
 * The first of its kind only.
 */
export function shapeProblems(data: unknown): Problem[] {
  let values = 0;
  const visit = (value: unknown, path: Path): Problem | undefined => {
    values += 1;
    if (values > MOST_VALUES) {
      return {
        path: path.slice(0, 3),
        message: `with its aliases the file has more than ${String(MOST_VALUES)} values; write less, or split it`,
      };
    }
    if (typeof value !== 'object' || value === null) return undefined;
    if (path.length > DEEPEST) return { path, message: 'nested too deeply; no key of a configuration is' };
    for (const [key, inner] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
      const at = [...path, key];
      if (key === '__proto__') return { path: at, message: '"__proto__" cannot be a key; choose another name' };
      const problem = visit(inner, at);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  const problem = visit(data, []);
  return problem === undefined ? countProblems(data) : [problem];
}

function countProblems(data: unknown): Problem[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([key, map]: [string, unknown]) => {
    if (!['services', 'environments'].includes(key) || typeof map !== 'object' || map === null) return [];
    const count = Object.keys(map).length;
    if (count <= MOST_ENTRIES) return [];
    const message = `has ${String(count)} entries; at most ${String(MOST_ENTRIES)} are allowed, split the file`;
    return [{ path: [key], message }];
  });
}

/** Names that every object of JavaScript has: as the name of a service or environment each would have to be told from those everywhere. */
export const isBuiltIn = (name: string): boolean => Object.hasOwn(Object.prototype, name);
