import { dirname, join, relative, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { EnvironmentSettings, Settings } from '../domain/settings.js';
import { crossProblems } from './checks/index.js';
import { toSettings } from './convert.js';
import { MOST_PROBLEMS, readLimited, shapeProblems, tooLarge } from './limits.js';
import type { Problem } from './problems.js';
import { lineOf, pathText, problemsOf } from './problems.js';
import { configSchema } from './schema/index.js';
import { shown } from './schema/scalars.js';
import { nearest } from './suggest.js';

const NAMES = ['deployctl.yml', 'deployctl.yaml'] as const;

export interface LoadOptions {
  /** Path of the file, absolute or from `cwd`; absent: deployctl.yml in `cwd` or the nearest folder above that has one. */
  readonly file?: string;
  readonly cwd: string;
  /** Read: AWS_REGION, which must not contradict the file. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Reads and checks the configuration.
 * @throws DeployctlError, exit 64: `config.missing`, `config.unreadable`, or `config.invalid` with every problem on a line of its own,
 *   `deployctl.yml:14: path.of.key: what is wrong and what to write`. What a key means together with others is checked once each
 *   by itself is right.
 */
export async function loadSettings({ file, cwd, env }: LoadOptions): Promise<Settings> {
  const found = file === undefined ? await search(cwd) : await given(resolve(cwd, file));
  return parseSettings(found.text, { path: found.path, name: nameFrom(cwd, found.path), env });
}

/** Like `loadSettings`, of a text at hand. `name` is what messages call the file. */
export function parseSettings(
  text: string,
  { path, name, env }: { readonly path: string; readonly name: string; readonly env: NodeJS.ProcessEnv },
): Settings {
  const lines = new LineCounter();
  // Without pretty errors: those quote the source, and a secret may stand there by mistake.
  const document = toPlain(() => parseDocument(text, { lineCounter: lines, prettyErrors: false }), name);
  const broken = [...document.errors, ...document.warnings].map(
    (error) => `${name}:${lines.linePos(error.pos[0]).line}: not YAML: ${yamlWords(error)}`,
  );
  if (broken.length > 0) throw invalid(broken);
  if (document.contents === null) throw invalid([`${name}:1: empty; start from examples/shop/deployctl.yml`]);

  const line = (problem: Problem): string =>
    `${name}:${lineOf(document, lines, problem.path)}: ${problem.path.length === 0 ? '' : `${pathText(problem.path)}: `}${problem.message}`;
  const data: unknown = toPlain(() => document.toJS() as unknown, name);
  const misshapen = shapeProblems(data);
  if (misshapen.length > 0) throw invalid(misshapen.map(line));
  const result = configSchema.safeParse(data);
  if (!result.success) throw invalid(problemsOf(result.error.issues, data, MOST_PROBLEMS + 1).map(line));
  const where = (at: Problem['path']): number => lineOf(document, lines, at);
  const problems = crossProblems(result.data, env, where);
  if (problems.length > 0) throw invalid(problems.map(line));
  return toSettings(path, result.data);
}

/**
 * The settings of one environment: the named one, or the only one.
 * @throws DeployctlError, exit 64: `config.environment`
 */
export function selectEnvironment(settings: Settings, name?: string): EnvironmentSettings {
  const names = Object.keys(settings.environments);
  const wanted = name ?? (names.length === 1 ? names[0] : undefined);
  const file = settings.file;
  if (wanted === undefined) {
    throw new DeployctlError({
      code: 'config.environment',
      message: `${file} has ${names.length} environments (${names.join(', ')}) and none was named`,
      exitCode: EXIT.usage,
      next: names.map((each) => `--env ${each}`),
    });
  }
  const found = Object.hasOwn(settings.environments, wanted) ? settings.environments[wanted] : undefined;
  if (found !== undefined) return found;
  const guess = nearest(wanted, names);
  throw new DeployctlError({
    code: 'config.environment',
    message: `environment ${shown(wanted)} is not in ${file}, which has ${names.join(', ')}`,
    exitCode: EXIT.usage,
    next: guess === undefined ? names.map((each) => `--env ${each}`) : [`--env ${guess}`],
  });
}

interface Found {
  readonly path: string;
  readonly text: string;
}

async function search(cwd: string): Promise<Found> {
  const start = resolve(cwd);
  for (let folder = start; ; folder = dirname(folder)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      const text = await read(path);
      if (text !== undefined) return { path, text };
    }
    if (dirname(folder) === folder) throw missing(`no deployctl.yml (or .yaml) in ${start} or any folder above it`);
  }
}

async function given(path: string): Promise<Found> {
  const text = await read(path);
  if (text === undefined) throw missing(`there is no file ${path}`);
  return { path, text };
}

async function read(path: string): Promise<string | undefined> {
  try {
    const text = await readLimited(path);
    if (text === undefined) throw invalid([`${path}: ${tooLarge}`]);
    return text;
  } catch (error) {
    if (error instanceof DeployctlError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new DeployctlError({
      code: 'config.unreadable',
      message: `can't read ${path}: ${messageOf(error)}`,
      exitCode: EXIT.usage,
      next: ['--config FILE'],
      cause: error,
    });
  }
}

function missing(message: string): DeployctlError {
  return new DeployctlError({
    code: 'config.missing',
    message,
    exitCode: EXIT.usage,
    next: ['--config FILE', 'deployctl init   # writes one from what the AWS account has'],
  });
}

function invalid(problems: readonly string[]): DeployctlError {
  const more = problems.length > MOST_PROBLEMS ? ['… and more; these first'] : [];
  return new DeployctlError({
    code: 'config.invalid',
    message: [...problems.slice(0, MOST_PROBLEMS), ...more],
    exitCode: EXIT.usage,
    next: ['correct what is named above, then the same command again'],
  });
}

/** Aliases that multiply beyond reason make the conversion throw, and nesting beyond reason the parser. */
function toPlain<T>(convert: () => T, name: string): T {
  try {
    return convert();
  } catch (error) {
    throw invalid([`${name}:1: not YAML that can be used: ${yamlWords(error)}`]);
  }
}

const yamlWords = (error: unknown): string =>
  /call stack/i.test(messageOf(error)) ? 'nested too deeply' : messageOf(error);

/** The path from `cwd` when the file is below it, else the whole path. */
function nameFrom(cwd: string, path: string): string {
  const near = relative(cwd, path);
  return near.startsWith('..') ? path : near;
}
