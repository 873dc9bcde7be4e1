import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
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
    this.shown += `${text}\n`;
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
  await typeable(text);
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
  throw new Error(`there is no command in: ${typed}`);
}

async function commandClass(words: readonly string[]): Promise<Pick<typeof Command, 'flags' | 'baseFlags'>> {
  const file = resolve('src/commands', `${words.join('/')}.ts`);
  const { default: command } = (await import(/* @vite-ignore */ file)) as { default: typeof Command };
  return command;
}

/** Each line below "Next:" that is a command can be typed: the command is there, with its flags, and it names the environment. */
async function typeable(text: string): Promise<void> {
  const lines = (text.split('\nNext:\n')[1] ?? '').split('\n').map((line) => line.trim());
  for (const line of lines.filter((each) => /(^|: )deployctl /.test(each))) {
    const typed = line
      .replace(/^.*?\bdeployctl /, '')
      .replace(/\s+#.*$/, '')
      .replace(/ \|.*$/, '');
    if (typed === '--help') continue;
    const [words, rest] = wordsOf(typed);
    const command = await commandClass(words);
    const known = [...Object.keys({ ...command.flags, ...command.baseFlags }), 'help', 'json'];
    for (const word of rest.filter((each) => each.startsWith('--'))) {
      expect(known, line).toContain(word.slice(2).replace(/=.*$/, ''));
    }
    const environmental = 'env' in command.baseFlags;
    if (environmental && !rest.includes('--help')) expect(rest, `${line}: which environment?`).toContain('--env');
  }
}

/** Ids hold times and random digits. */
function brief(text: string): string {
  return text
    .replace(/\b(ro|r|adopted)-\d{8}-\d{6}-[0-9a-f]{4}\b/g, '$1-…')
    .replace(/arn:aws:elasticloadbalancing:[^/\s]+/g, 'arn:…')
    .replace(/([0-9a-f])\1{15,}|(?:[0-9a-f]{2}){16,}/g, '…');
}
