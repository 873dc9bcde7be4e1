import { setMaxListeners } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { Command, Flags, ux } from '@oclif/core';
import type { ExitCode } from './domain/errors.js';
import { DeployctlError, EXIT, fixFor, messageOf, PortError } from './domain/errors.js';
import type { RunnerBox } from './operations/run-on.js';
import { Asides } from './compose/asides.js';
import type { Composed } from './compose/index.js';
import { Interrupted, onHangupOf, ReaderGone, watchProcess } from './compose/process-events.js';
import { nearest } from './config/suggest.js';
import type { Asking } from './presentation/confirm.js';
import { askingOf } from './presentation/confirm.js';
import { canAsk } from './presentation/question.js';
import { inLine, printable, safeJson } from './reporters/clean.js';
import { fold } from './reporters/fold.js';

/** What `--json` prints for a failure. */
interface ErrorDocument {
  readonly schemaVersion: 1;
  readonly ok: false;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly exitCode: number;
    readonly next: readonly string[];
  };
}

/** Of one word that was typed. */
const LONGEST_WORD = 4096;

/** Reports failures the same way for every command: exit codes, the JSON envelope, the next command to type. The only file that knows how oclif does it. */
export abstract class ReportingCommand extends Command {
  static override enableJsonFlag = true;

  /** Nothing that anybody means is so long; what is behind `--` is the command of somebody else, and a reason is cut. */
  protected override async init(): Promise<void> {
    const end = this.argv.indexOf('--');
    const own = end === -1 ? this.argv : this.argv.slice(0, end);
    const long = own.findIndex((word) => word.length > LONGEST_WORD);
    const isReason = own[long]?.startsWith('--reason=') === true || own[long - 1] === '--reason';
    if (long !== -1 && !isReason) {
      const word = own[long] ?? '';
      const flag =
        /^--[a-z-]+(?==)/.exec(word)?.[0] ?? (own[long - 1]?.startsWith('--') === true ? own[long - 1] : undefined);
      throw new DeployctlError({
        code: 'usage.too-long',
        message: `${flag ?? 'an argument'} has ${String(word.length)} characters (${inLine(word.slice(0, 40))}…); at most ${String(LONGEST_WORD)} are taken`,
        exitCode: EXIT.usage,
      });
    }
    return super.init() as Promise<void>;
  }

  /** Text for people, cleaned: whatever is in it, it is text. */
  override log(text = ''): void {
    super.log(printable(text));
  }

  override logToStderr(text = ''): void {
    super.logToStderr(printable(text));
  }

  /** What is to be used as it is: a script, a page, a policy. */
  protected raw(text: string): void {
    super.log(text);
  }

  protected override logJson(document: unknown): void {
    // Not `log`, which says nothing with --json.
    ux.stdout(safeJson(document, 2));
  }

  /** The exit code of a result that is no error: text and JSON modes give the same. */
  protected ends(exitCode: ExitCode): void {
    process.exitCode = exitCode;
  }

  protected override async catch(error: Error & { exitCode?: number; oclif?: { exit?: number } }): Promise<unknown> {
    if (error instanceof ReaderGone) return undefined;
    const document = this.documentOf(error);
    process.exitCode = document.error.exitCode;
    if (this.jsonEnabled()) {
      this.logJson(document);
      return undefined;
    }
    const lines = error instanceof DeployctlError ? (error.lines ?? [document.error.message]) : undefined;
    this.logToStderr(folded(errorText(document.error, lines), process.stderr));
    if (document.error.code === 'bug') this.logToStderr(`\n${error.stack ?? ''}`);
    return Promise.resolve(undefined);
  }

  protected override toSuccessJson(result: unknown): unknown {
    const document: unknown = super.toSuccessJson(result);
    return hasNext(document) ? this.typable(document) : document;
  }

  /** The result with commands that find the same configuration when they are typed in the same folder. */
  protected typable<T extends { readonly next: readonly string[] }>(result: T): T {
    return { ...result, next: result.next.map((line) => this.withConfig(line)) };
  }

  /** A result for people. At a terminal its lines break between words; in a pipe a line is a line. */
  protected print(text: string): void {
    const lines = text.split('\n').map((line) => this.withConfig(line));
    this.log(folded(lines.join('\n'), process.stdout));
  }

  /** What was typed, as another command: `plan --backend 1.2.0` → `deployctl rollout --backend 1.2.0`. */
  protected typedAs(command: string, without: readonly string[]): string {
    return ['deployctl', command, ...this.argv.filter((word) => !without.includes(word)).map(quoted)].join(' ');
  }

  /**
   * What to type, as it can be typed. `--lock-wait 10m` alone is no command: what was typed, with that flag in the place of its own, is, where this command
   * has it. Who knows no environment says `deployctl status`: the one that was typed is meant.
   */
  private whole(line: string): readonly string[] {
    const flags = new Map(Object.entries({ ...this.ctor.flags, ...this.ctor.baseFlags }));
    const [, flag, comment = ''] = /^--([a-z-]+) \S+( {2,}#.*)?$/.exec(line) ?? [];
    if (flag === undefined) return [flags.has('env') ? this.withEnvironment(line) : line];
    const known = flags.get(flag);
    if (known === undefined) return [];
    const many = 'multiple' in known && known.multiple === true;
    const typed = this.argv.filter((word, index) => {
      return many || (word !== `--${flag}` && !word.startsWith(`--${flag}=`) && this.argv[index - 1] !== `--${flag}`);
    });
    const words = [
      'deployctl',
      ...(this.id ?? '').split(':'),
      ...typed.map(quoted),
      line.slice(0, line.length - comment.length),
    ];
    return [`${words.join(' ')}${comment}`];
  }

  private withEnvironment(line: string): string {
    return withFlag(line, 'env', this.typed('env'));
  }

  /** A command of the same configuration, where that is not the one that is found by itself. The commands of other things have none. */
  private withConfig(line: string): string {
    if (!Object.hasOwn({ ...this.ctor.baseFlags, ...this.ctor.flags }, 'config')) return line;
    if (/^\s*deployctl (?:sandbox|completion)\b/.test(line)) return line;
    return withFlag(line, 'config', this.typed('config') ?? process.env['DEPLOYCTL_CONFIG']);
  }

  /** The value of a flag as it was typed. What stands behind `--` is the command of somebody else. */
  private typed(flag: string): string | undefined {
    const end = this.argv.indexOf('--');
    const own = end === -1 ? this.argv : this.argv.slice(0, end);
    const at = own.findLastIndex((word) => word === `--${flag}` || word.startsWith(`--${flag}=`));
    return own[at] === `--${flag}` ? own[at + 1] : own[at]?.slice(`--${flag}=`.length);
  }

  /** What oclif's parser found wrong with the words that were typed, with the flag that was probably meant. */
  private parserDocument(said: string, exitCode: number, help: string): ErrorDocument {
    const message = stripVTControlCharacters(said).replace(/\n+See more help with --help$/, '');
    const code = exitCode === EXIT.usage ? 'usage' : 'error';
    const wrong = /^Nonexistent flag: --([^\s=]+)/.exec(message)?.[1];
    const next: string[] = [];
    const meant = wrong === undefined ? undefined : nearest(wrong, Object.keys(this.ctor.flags ?? {}));
    if (meant !== undefined) {
      const words = this.argv.map((word) => quoted(word.replace(new RegExp(`^--${wrong ?? ''}(?==|$)`), `--${meant}`)));
      next.push(['deployctl', ...(this.id ?? '').split(':'), ...words].join(' '));
    }
    const shown = meant === undefined ? message : `there is no flag --${wrong ?? ''}; did you mean --${meant}?`;
    return { schemaVersion: 1, ok: false, error: { code, message: shown, exitCode, next: [...next, help] } };
  }

  private documentOf(error: Error & { exitCode?: number; oclif?: { exit?: number } }): ErrorDocument {
    const { error: told, ...document } = this.documentAsTold(error);
    return { ...document, error: this.typable(told) };
  }

  private documentAsTold(error: Error & { exitCode?: number; oclif?: { exit?: number } }): ErrorDocument {
    // oclif puts `Parsing --bake \n\t` before what the parser of a flag says, and a pointer to --help after it.
    const message = error.message.replace(/^Parsing (--\S+) \n\t/, '$1 ').replace(/\nSee more help with --help$/, '');
    const made = (code: string, exitCode: number, next: readonly string[]): ErrorDocument => ({
      schemaVersion: 1,
      ok: false,
      error: { code, message, exitCode, next },
    });
    const help = `deployctl ${(this.id ?? '').replaceAll(':', ' ')} --help`;
    if (error instanceof DeployctlError) {
      const next =
        error.next.length === 0 && error.exitCode === EXIT.usage
          ? [help]
          : error.next.flatMap((line) => this.whole(line));
      return made(
        error.code,
        error.exitCode,
        next.length === 0 && error.exitCode === EXIT.bug ? ['please report this'] : next,
      );
    }
    if (error instanceof PortError)
      return made(`aws.${error.kind}`, EXIT.inProgress, [fixFor(error), ...this.whole('deployctl status')]);
    if (error.name === 'SandboxError') return made('sandbox', error.exitCode ?? EXIT.bug, []);
    const exit = error.oclif?.exit;
    if (exit !== undefined) return this.parserDocument(error.message, exit, help);
    return made('bug', EXIT.bug, ['please report this with the lines below']);
  }
}

/**
 * The error as a terminal shows it: what is wrong, and what to type or do next.
 * @param lines of the message; absent: as it is, for messages that are our own words only
 */
export function errorText(
  { message, next }: Pick<ErrorDocument['error'], 'message' | 'next'>,
  lines: readonly string[] = message.split('\n'),
): string {
  const told = lines.map((line, index) => `${index === 0 ? 'Error: ' : ''}${inLine(line)}`);
  return [...told, ...(next.length === 0 ? [] : ['', 'Next:', ...next.map((line) => `  ${inLine(line)}`)])].join('\n');
}

function folded(text: string, stream: { readonly isTTY?: boolean; readonly columns?: number }): string {
  return stream.isTTY === true ? fold(text, Math.max(40, stream.columns ?? 80)) : text;
}

/** The command of the line with one flag more, before its remark and before the command of somebody else. What is no command stays. */
function withFlag(line: string, flag: string, value: string | undefined): string {
  if (value === undefined || value === '' || !/^\s*deployctl [a-z]/.test(line)) return line;
  if (new RegExp(` --(?:${flag}|help)\\b`).test(line)) return line;
  return line.replace(/^.*?(?= {2,}#| +-- | *$)/, (command) => `${command} --${flag} ${quoted(value)}`);
}

function hasNext(document: unknown): document is { readonly next: readonly string[] } {
  return typeof document === 'object' && document !== null && 'next' in document && Array.isArray(document.next);
}

/** A word as a shell takes it. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** A command that works on an environment of the configuration. */
export abstract class BaseCommand extends ReportingCommand {
  static override baseFlags = {
    config: Flags.string({
      description: 'configuration file (default: deployctl.yml, found upwards)',
      env: 'DEPLOYCTL_CONFIG',
      helpGroup: 'GLOBAL',
    }),
    env: Flags.string({
      description: 'environment (may be left out when there is one)',
      env: 'DEPLOYCTL_ENV',
      helpGroup: 'GLOBAL',
    }),
  };

  /**
   * Who answers the question before a change. To be found out first: where nobody can answer, nothing is read either.
   * @throws DeployctlError `usage.unconfirmed` (exit 64)
   */
  protected asking(yes: boolean): Asking {
    const command = (this.id ?? '').replaceAll(':', ' ');
    return askingOf({ yes, env: process.env, canAsk, command, again: `${this.typedAs(command, [])} --yes` });
  }

  /** Loads the configuration, composes, runs `work`, flushes. An interrupt aborts the toolbox's signal; a second one ends the process at once. */
  protected async operate<T>(
    flags: {
      readonly config?: string | undefined;
      readonly env?: string | undefined;
      readonly events?: string | undefined;
      /** It changes something: then it continues whatever becomes of its terminal, of the readers of its output and of its own files. */
      readonly changes?: boolean;
      readonly shown?: (note: string) => boolean;
    },
    work: (box: RunnerBox) => Promise<T>,
  ): Promise<T> {
    const { loadSettings, selectEnvironment } = await import('./config/load.js');
    const file = flags.config === undefined ? {} : { file: flags.config };
    const all = await loadSettings({ ...file, cwd: process.cwd(), env: process.env });
    const settings = selectEnvironment(all, flags.env);
    const { changes = false } = flags;
    const interrupt = new AbortController();
    // Every call in flight listens to it: as many as the fleet is large.
    setMaxListeners(0, interrupt.signal);
    const asides = new Asides();
    const unwatch = watchProcess({
      changes,
      onHangup: onHangupOf(settings, process.env),
      interrupt,
      warn: asides.warn,
    });
    const over = new AbortController();
    const signal = AbortSignal.any([interrupt.signal, over.signal]);
    setMaxListeners(0, signal);
    let composed: Composed | undefined;
    try {
      const { compose, loadOwnFiles } = await import('./compose/index.js');
      composed = await compose({
        settings,
        env: process.env,
        signal,
        quiet: this.jsonEnabled(),
        asides,
        ...(flags.events === undefined ? {} : { events: flags.events }),
        ...(flags.shown === undefined ? {} : { shown: flags.shown }),
      });
      if (changes) await loadOwnFiles();
      const { box } = composed;
      const emit: RunnerBox['emit'] = (event) => box.emit(event.type === 'rollout.ended' ? this.typable(event) : event);
      return await work({ ...box, emit });
    } catch (error) {
      throw this.ended(error, interrupt.signal, settings.environment);
    } finally {
      // One call has failed, others may still be under way: what they would answer keeps nobody waiting.
      over.abort(new Error('the command has ended'));
      await composed?.close();
      unwatch();
    }
  }

  /** What a failed command ended with: where somebody or something from outside ended it, that. */
  private ended(error: unknown, signal: AbortSignal, environment: string): unknown {
    if (!signal.aborted || signal.reason instanceof ReaderGone) return signal.reason ?? error;
    if (error instanceof DeployctlError) return error;
    if (!(signal.reason instanceof Interrupted)) return signal.reason;
    return new DeployctlError({
      code: 'interrupted',
      message: messageOf(signal.reason),
      exitCode: EXIT.interrupted,
      next: [`deployctl status --env ${environment}`],
      cause: error,
    });
  }
}
