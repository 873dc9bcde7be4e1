import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, LineCounter, Node } from 'yaml';
import type { z } from 'zod';
import { knownKeysAt } from './json-schema.js';
import { shown } from './schema/scalars.js';
import { nearest } from './suggest.js';

export type Path = readonly (string | number)[];

/** One thing that is wrong with the file. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** `environments.production.services.backend.checks[0].status` */
export function pathText(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** Line (from 1) of a path: where its key stands, or its nearest ancestor's when the path is not in the file. */
export function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (pair === undefined) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return lines.linePos(offset).line;
}

function startOf(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null ? ((node as Partial<Node>).range?.[0] ?? undefined) : undefined;
}

/** What the schema found, in words, each problem by itself. */
export function problemsOf(issues: readonly Issue[], data: unknown, most = Infinity): Problem[] {
  const problems: Problem[] = [];
  for (const issue of issues) {
    if (problems.length >= most) break;
    problems.push(...problemsOfIssue(issue, [], data).slice(0, most));
  }
  return problems;
}

function problemsOfIssue(issue: Issue, base: Path, data: unknown): Problem[] {
  const path: Path = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, knownKeysAt(path)) }));
    case 'invalid_union': {
      // The branch that was meant is the one that does not fail at its very root.
      const meant = issue.errors.filter((errors) => !errors.some(isOfAnotherShape));
      const [branch] = meant;
      if (meant.length !== 1 || branch === undefined) return [{ path, message: issue.message }];
      return branch.flatMap((inner) => problemsOfIssue(inner, path, data));
    }
    case 'invalid_value': {
      const words = issue.values.map(String);
      const value = valueAt(data, path);
      const guess = typeof value === 'string' ? nearest(value, words) : undefined;
      const help = guess === undefined ? '' : `; did you mean ${guess}?`;
      return [{ path, message: `${shown(value)} is not one of ${words.join(', ')}${help}` }];
    }
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    case 'invalid_type': {
      if (!STOCK.test(issue.message)) return [{ path, message: issue.message }];
      const value = valueAt(data, path);
      if (value === undefined || value === null) return [{ path, message: `required${keysHint(path)}` }];
      return [{ path, message: `${shown(value)}: write a map of keys and values${keysHint(path)}` }];
    }
    default:
      return [{ path, message: issue.message }];
  }
}

/** Zod's own wording, as opposed to a message that the schema gives. */
const STOCK = /^Invalid input: expected /;

function isOfAnotherShape(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

function keysHint(path: Path): string {
  const known = knownKeysAt(path);
  return known.length === 0 ? '' : `: ${known.join(', ')}`;
}

/** Keys that had another name once, and that are too far from it to be taken for a slip. */
const renamed: ReadonlyMap<string, string> = new Map([
  ['floor', 'minimum-healthy'],
  ['min-healthy', 'stabilize'],
]);

function unknownKey(key: string, known: readonly string[]): string {
  const now = renamed.get(key);
  const guess = now !== undefined && known.includes(now) ? now : nearest(key, known);
  if (guess !== undefined) return `unknown key; did you mean ${JSON.stringify(guess)}?`;
  return known.length === 0 ? 'unknown key' : `unknown key; known here: ${known.join(', ')}`;
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([key]) => key === String(part))?.[1];
  }
  return value;
}
