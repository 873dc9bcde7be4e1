/**
 * Reads the part of the Dockerfile language that needs no engine to run: FROM, ARG, ENV, COPY, WORKDIR, CMD, ENTRYPOINT,
 * EXPOSE, LABEL, STOPSIGNAL, USER, HEALTHCHECK. Source: Docker docs, "Dockerfile reference".
 */
import { DaemonError } from '../errors.js';

export interface Healthcheck {
  readonly test: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}

/** What an image says about the containers made of it. */
export interface ImageConfig {
  readonly env: readonly string[];
  readonly cmd: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
  readonly workingDir: string;
  readonly user: string;
  /** `3000/tcp` */
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string | null;
  readonly healthcheck: Healthcheck | null;
}

export interface CopyStep {
  /** Relative to the build context. */
  readonly sources: readonly string[];
  /** Absolute inside the image; a trailing slash says that it is a folder. */
  readonly target: string;
}

export interface Dockerfile {
  readonly config: ImageConfig;
  readonly copies: readonly CopyStep[];
  /** Build arguments that no ARG declares; Docker warns of them. */
  readonly unusedArgs: readonly string[];
}

interface Instruction {
  readonly line: number;
  readonly name: string;
  readonly rest: string;
}

/** Joins continued lines, drops comments and empty lines. */
function instructions(text: string): Instruction[] {
  const found: Instruction[] = [];
  let pending = '';
  let start = 0;
  text.split(/\r?\n/).forEach((raw, index) => {
    if (/^\s*#/.test(raw) || (pending !== '' && raw.trim() === '')) return;
    if (pending === '') start = index + 1;
    const continued = /\\\s*$/.test(raw);
    pending += continued ? raw.replace(/\\\s*$/, '') : raw;
    if (continued) return;
    const match = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(pending);
    if (match?.[1] !== undefined) found.push({ line: start, name: match[1].toUpperCase(), rest: match[2] ?? '' });
    pending = '';
  });
  const last = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(pending);
  if (last?.[1] !== undefined) found.push({ line: start, name: last[1].toUpperCase(), rest: last[2] ?? '' });
  return found;
}

/** Replaces `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+value}`; `\$` stays a dollar. */
function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(
    /\\\$|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})/g,
    (all, bare: string | undefined, braced: string | undefined, sign: string | undefined, word: string | undefined) => {
      if (all === '\\$') return '$';
      const value = variables.get(bare ?? braced ?? '') ?? '';
      if (sign === '-') return value === '' ? (word ?? '') : value;
      if (sign === '+') return value === '' ? '' : (word ?? '');
      return value;
    },
  );
}

/** Splits at white space; quotes hold words together, single quotes keep `$` as it is. */
function words(text: string, variables: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/(?:"(?:[^"\\]|\\[\s\S])*"|'[^']*'|\\[\s\S]|[^\s"'\\])+/g)) {
    const parts = match[0].matchAll(/"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|((?:\\[\s\S]|[^"'\\])+)/g);
    let word = '';
    for (const [, double, single, bare] of parts) {
      if (single !== undefined) word += single;
      else word += expand(double ?? bare ?? '', variables).replace(/\\([\s\S])/g, '$1');
    }
    found.push(word);
  }
  return found;
}

/** A JSON array of strings (exec form), or undefined for the shell form. */
function execForm(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed.every((item): item is string => typeof item === 'string')) return parsed;
  } catch (error) {
    // As Docker: what does not parse as a JSON array is taken as a shell command.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}

function command(text: string): string[] {
  return execForm(text) ?? ['/bin/sh', '-c', text];
}

/** `K=V K2="V 2"`, or the old form `K the whole rest`. */
function pairs(at: Instruction, variables: ReadonlyMap<string, string>): [string, string][] {
  const old = /^([^\s=]+)\s+([\s\S]+)$/.exec(at.rest);
  if (old?.[1] !== undefined && old[2] !== undefined) return [[old[1], expand(old[2], variables)]];
  return words(at.rest, variables).map((word): [string, string] => {
    const sign = word.indexOf('=');
    if (sign < 1) throw fail(at, `${at.name} must have two arguments, found "${word}"`);
    return [word.slice(0, sign), word.slice(sign + 1)];
  });
}

function fail(at: Pick<Instruction, 'line'>, message: string): DaemonError {
  return new DaemonError(`dockerfile parse error on line ${at.line}: ${message}`);
}

function absolute(path: string, workingDir: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${workingDir}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

class Reader {
  private readonly env = new Map<string, string>();
  private readonly args = new Map<string, string>();
  private readonly labels: Record<string, string> = {};
  private readonly copies: CopyStep[] = [];
  private readonly ports: string[] = [];
  private config: { -readonly [K in keyof ImageConfig]?: ImageConfig[K] } = {};
  private workingDir = '/';
  private stages = 0;
  private readonly knownArgs = new Set<string>();

  constructor(private readonly buildArgs: Readonly<Record<string, string>>) {}

  private get variables(): ReadonlyMap<string, string> {
    return new Map([...this.args, ...this.env]);
  }

  read(at: Instruction): void {
    if (this.stages === 0 && at.name !== 'FROM' && at.name !== 'ARG')
      throw fail(at, 'no build stage in current context: FROM must come first');
    if (at.rest === '') throw fail(at, `${at.name} requires at least one argument`);
    switch (at.name) {
      case 'FROM':
        this.stages += 1;
        if (this.stages > 1)
          throw fail(at, 'several stages need a real engine: leave one FROM, or use the runtime "docker"');
        this.args.clear();
        break;
      case 'ARG':
        this.arg(at);
        break;
      case 'ENV':
        for (const [key, value] of pairs(at, this.variables)) this.env.set(key, value);
        break;
      case 'LABEL':
        for (const [key, value] of pairs(at, this.variables)) this.labels[key] = value;
        break;
      case 'COPY':
      case 'ADD':
        this.copy(at);
        break;
      case 'WORKDIR':
        this.workingDir = absolute(expand(at.rest, this.variables), this.workingDir);
        break;
      case 'CMD':
        this.config.cmd = command(at.rest);
        break;
      case 'ENTRYPOINT':
        this.config.entrypoint = command(at.rest);
        break;
      case 'EXPOSE':
        for (const port of words(at.rest, this.variables)) {
          if (!/^\d+(\/(tcp|udp))?$/.test(port)) throw fail(at, `invalid containerPort: ${port}`);
          this.ports.push(port.includes('/') ? port : `${port}/tcp`);
        }
        break;
      case 'STOPSIGNAL':
        this.config.stopSignal = expand(at.rest, this.variables);
        break;
      case 'USER':
        this.config.user = expand(at.rest, this.variables);
        break;
      case 'HEALTHCHECK':
        this.config.healthcheck = healthcheck(at);
        break;
      case 'MAINTAINER':
        break;
      case 'RUN':
        throw fail(
          at,
          `RUN needs a real engine: the runtime "process" has no file system to run "${at.rest}" in; copy ready files, or use the runtime "docker"`,
        );
      default:
        throw fail(at, `unknown instruction: ${at.name}`);
    }
  }

  private arg(at: Instruction): void {
    for (const word of words(at.rest, this.variables)) {
      const sign = word.indexOf('=');
      const name = sign < 0 ? word : word.slice(0, sign);
      this.knownArgs.add(name);
      const value = this.buildArgs[name] ?? (sign < 0 ? undefined : word.slice(sign + 1));
      if (value !== undefined) this.args.set(name, value);
    }
  }

  private copy(at: Instruction): void {
    const list = execForm(at.rest) ?? words(at.rest, this.variables);
    const flags = list.filter((word) => word.startsWith('--'));
    for (const flag of flags) {
      if (!/^--(chown|chmod|link)\b/.test(flag))
        throw fail(
          at,
          `${at.name} ${flag} needs a real engine: only --chown and --chmod are accepted here, without effect`,
        );
    }
    const paths = list.slice(flags.length);
    const target = paths.pop();
    if (target === undefined || paths.length === 0) throw fail(at, `${at.name} requires at least two arguments`);
    if (at.name === 'ADD' && paths.some((path) => /^\w+:\/\/|\.(tar|tgz|zip)/.test(path))) {
      throw fail(at, 'ADD of addresses and archives needs a real engine: use COPY');
    }
    const folder = target.endsWith('/') || target === '.' || paths.length > 1;
    const resolved = absolute(target, this.workingDir);
    this.copies.push({ sources: paths, target: folder && resolved !== '/' ? `${resolved}/` : resolved });
  }

  finish(): Dockerfile {
    if (this.stages === 0)
      throw new DaemonError('dockerfile parse error: no build stage in current context: FROM is missing');
    return {
      copies: this.copies,
      unusedArgs: Object.keys(this.buildArgs).filter((name) => !this.knownArgs.has(name)),
      config: {
        env: [...this.env].map(([key, value]) => `${key}=${value}`),
        cmd: this.config.cmd ?? null,
        entrypoint: this.config.entrypoint ?? null,
        workingDir: this.workingDir,
        user: this.config.user ?? '',
        exposedPorts: this.ports,
        labels: this.labels,
        stopSignal: this.config.stopSignal ?? null,
        healthcheck: this.config.healthcheck ?? null,
      },
    };
  }
}

function healthcheck(at: Instruction): Healthcheck {
  const options: Record<string, string> = {};
  let rest = at.rest;
  for (let match = /^--([a-z-]+)=(\S+)\s+/.exec(rest); match !== null; match = /^--([a-z-]+)=(\S+)\s+/.exec(rest)) {
    options[match[1] ?? ''] = match[2] ?? '';
    rest = rest.slice(match[0].length);
  }
  if (rest.toUpperCase() === 'NONE') return { test: ['NONE'], options };
  const text = /^CMD\s+([\s\S]+)$/i.exec(rest)?.[1];
  if (text === undefined) throw fail(at, `unknown type "${rest.split(' ')[0] ?? ''}" in HEALTHCHECK (try CMD)`);
  const exec = execForm(text);
  return { test: exec === undefined ? ['CMD-SHELL', text] : ['CMD', ...exec], options };
}

/**
 * @param text the whole Dockerfile
 * @param buildArgs values for its ARGs
 * @throws DaemonError naming the line
 */
export function parseDockerfile(text: string, buildArgs: Readonly<Record<string, string>> = {}): Dockerfile {
  const reader = new Reader(buildArgs);
  for (const instruction of instructions(text)) reader.read(instruction);
  return reader.finish();
}
