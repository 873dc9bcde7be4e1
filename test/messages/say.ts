import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import type { Command, Config } from '@oclif/core';
import { expect } from 'vitest';
import { ReportingCommand } from '../../src/base-command.js';

/*
 * Messages as their reader meets them: what was typed, what stands on the terminal, the exit code. The errors come from calls into the code that makes
 * them; what is around them is the code that shows them.
 */

/** A command that fails with what `act` throws, and keeps what it shows. */
class Failing extends ReportingCommand {
  shown = '';

  override run(): Promise<void> {
    return Promise.resolve();
  }

  override logToStderr(text = ''): void {
    // The trace of a bug has lines of this machine.
    if (!text.startsWith('\n')) this.shown += `${text}\n`;
  }

  /** @returns the code of the failure, as `--json` tells it, and its text */
  async fail(error: unknown): Promise<{ readonly code: string; readonly text: string; readonly exitCode: number }> {
    if (!(error instanceof Error)) throw new Error(`thrown was no error: ${String(error)}`);
    const before = process.exitCode;
    let json: unknown;
    this.logJson = (document: unknown): void => {
      json = document;
    };
    await this.catch(error);
    const exitCode = Number(process.exitCode);
    process.exitCode = before;
    const text = this.shown;
    this.argv.push('--json');
    await this.catch(error);
    process.exitCode = before;
    const { error: told } = json as { readonly error: { readonly code: string; readonly exitCode: number } };
    expect(told.exitCode, 'text and --json end with the same code').toBe(exitCode);
    return { code: told.code, text, exitCode };
  }
}

/**
 * What stands on the terminal after `typed` has failed with what `act` throws, and the exit code. Ids are shortened: `ro-…`.
 * @param code the stable word of the error
 * @param typed the words after `deployctl`
 */
export async function says(code: string, typed: string, act: () => unknown): Promise<string> {
  const [words, argv] = wordsOf(typed);
  const { flags = {}, baseFlags = {} } = await commandClass(words);
  const command = class extends Failing {
    static override id = words.join(':');
    static override flags = flags;
    static override baseFlags = baseFlags;
  };
  const failing = new command([...argv], {} as Config);
  const { code: told, text, exitCode } = await failing.fail(await thrownBy(act));
  expect(told).toBe(code);
  expect(text).not.toMatch(/undefined|NaN|\[object/);
  await typeable(text, words);
  return brief(`$ deployctl ${typed}\n${text.trimEnd()}\n(exit ${String(exitCode)})`);
}

async function thrownBy(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** `lease show --env x` → the words of the command, and the rest. */
function wordsOf(typed: string): readonly [readonly string[], readonly string[]] {
  const words = typed.split(' ');
  for (const length of [2, 1]) {
    if (existsSync(`src/commands/${words.slice(0, length).join('/')}.ts`)) {
      return [words.slice(0, length), words.slice(length)];
    }
  }
  return [words.slice(0, 1), words.slice(1)];
}

async function commandClass(words: readonly string[]): Promise<Partial<Pick<typeof Command, 'flags' | 'baseFlags'>>> {
  const file = resolve('src/commands', `${words.join('/')}.ts`);
  if (!existsSync(file)) return {};
  const { default: command } = (await import(/* @vite-ignore */ file)) as { default: typeof Command };
  return command;
}

/** Runs the command itself with what was typed. For what it refuses before it composes anything. */
export async function run(typed: string): Promise<unknown> {
  const [words, argv] = wordsOf(typed);
  const file = resolve('src/commands', `${words.join('/')}.ts`);
  const { default: command } = (await import(/* @vite-ignore */ file)) as { default: Runnable };
  exitCodesOfPackage();
  const config = { bin: 'deployctl', runHook: () => Promise.resolve({ successes: [], failures: [] }) };
  return new command([...argv], config).run();
}
/** oclif takes the exit codes of its own errors from package.json when it loads a whole configuration; where it keeps them is no part of its interface. */
function exitCodesOfPackage(): void {
  const require = createRequire(import.meta.url);
  const { oclif } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly oclif: { readonly exitCodes: unknown };
  };
  const file = join(dirname(require.resolve('@oclif/core/package.json')), 'lib/cache.js');
  const { default: cache } = require(file) as { readonly default: { getInstance(): Map<string, unknown> } };
  cache.getInstance().set('exitCodes', oclif.exitCodes);
}

/** As much of a configuration as parsing asks for. */
type Runnable = new (
  argv: string[],
  config: { readonly bin: string; readonly runHook: () => Promise<object> },
) => Command;

/** Each line below "Next:" that is a command can be typed: the command is there, with its flags, and it names the environment. */
export async function typeable(text: string, again: readonly string[]): Promise<void> {
  const lines = (text.split('\nNext:\n')[1] ?? '').split('\n').map((line) => line.trim());
  for (const line of lines.filter((each) => /(^|: )deployctl /.test(each))) {
    const typed = line
      .replace(/^.*?\bdeployctl /, '')
      .replace(/\s+#.*$/, '')
      .replace(/ \|.*$/, '');
    if (typed === '--help') continue;
    const [words, rest] = wordsOf(typed);
    const command = await commandClass(words);
    expect(command, line).not.toEqual({});
    const known = [...Object.keys({ ...command.flags, ...command.baseFlags }), 'help', 'json'];
    for (const word of rest.filter((each) => each.startsWith('--'))) {
      expect(known, line).toContain(word.slice(2).replace(/=.*$/, ''));
    }
    const environmental = 'env' in (command.baseFlags ?? {});
    // The command that was typed, once more: where it named none, none is wanted.
    const same = words.join(' ') === again.join(' ');
    if (environmental && !same && !rest.includes('--help'))
      expect(rest, `${line}: which environment?`).toContain('--env');
  }
}

/** Ids hold times and random digits. */
export function brief(text: string): string {
  return text
    .replace(/\b(ro|r|adopted)-\d{8}-\d{6}-[0-9a-f]{4}\b/g, '$1-…')
    .replace(/arn:aws:elasticloadbalancing:[^/\s]+/g, 'arn:…')
    .replace(/([0-9a-f])\1{15,}|(?:[0-9a-f]{2}){16,}/g, '…');
}
