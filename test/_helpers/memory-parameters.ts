import { PortError } from '../../src/domain/errors.js';
import type { PortErrorKind } from '../../src/domain/errors.js';
import type { Instant, Ms } from '../../src/domain/ids.js';
import type { Clock, ParameterPort } from '../../src/engine/ports.js';

export type ParameterOperation = 'create' | 'overwrite' | 'get' | 'secret' | 'list' | 'remove';

export interface ParameterCall {
  readonly operation: ParameterOperation;
  /** The name, the path of a list, or the names of a removal joined by commas. */
  readonly name: string;
  readonly value?: string;
  readonly at: Instant;
  /** Which client called; see `MemoryParameters.client`. */
  readonly client: string;
}

export interface ParameterFault {
  readonly on?: ParameterOperation;
  /** Fits the name or path; absent: all. */
  readonly name?: RegExp;
  readonly client?: string;
  /** `before`: nothing happened. `after`: it happened and the answer is lost. `hang`: no answer and no effect until aborted. */
  readonly when: 'before' | 'after' | 'hang';
  readonly kind?: PortErrorKind;
  /** How many calls it hits; 1 unless told. */
  readonly times?: number;
}

export interface ClientOptions {
  /** For latency; without it calls take no time. */
  readonly clock?: Clock;
  /** Time before the effect and again after it. */
  readonly latency?: Ms | ((call: ParameterCall) => Ms);
  /** Awaited before the effect and after it, for tests that order calls themselves. */
  readonly turn?: (call: ParameterCall, phase: 'before' | 'after') => Promise<void>;
  /** get and list leave out changes younger than this (needs `clock`). */
  readonly readLag?: Ms;
  /** An aborted call goes on and may take effect later, as a request does that has left the machine. */
  readonly outlivesAbort?: boolean;
}

interface Change {
  readonly name: string;
  readonly value: string | undefined;
  readonly at: Ms;
}

const NAME = /^(\/[a-zA-Z0-9_.-]+){1,15}$/;
const LIMIT = 4096;

/**
 * Parameter Store in memory, with the semantics that the code depends on: one creator wins, versions count up and start anew after a removal,
 * an overwrite of what is not there fails, 4096 bytes, legal names, no `{{`. One store, any number of clients, each with its own latency,
 * faults and staleness.
 */
export class MemoryParameters implements ParameterPort {
  readonly #values = new Map<string, { value: string; version: number }>();
  readonly #changes: Change[] = [];
  readonly #removed = new Set<string>();
  readonly #faults: { fault: ParameterFault; left: number }[] = [];
  readonly #default: ParameterPort;

  /** Every call that reached the store, in order. */
  readonly calls: ParameterCall[] = [];
  /** Names that were created again after a removal: AWS asks to wait 30 s, and nothing of ours should do it at all. */
  readonly recreated: string[] = [];

  constructor(options: ClientOptions = {}) {
    this.#default = this.client('default', options);
  }

  create = (name: string, value: string, signal?: AbortSignal): Promise<void> =>
    this.#default.create(name, value, signal);
  overwrite = (name: string, value: string, signal?: AbortSignal): Promise<void> =>
    this.#default.overwrite(name, value, signal);
  get = (name: string, signal?: AbortSignal): Promise<string | undefined> => this.#default.get(name, signal);
  secret = (name: string, signal?: AbortSignal): Promise<string> => this.#default.secret(name, signal);
  list = (path: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> => this.#default.list(path, signal);
  remove = (names: readonly string[], signal?: AbortSignal): Promise<void> => this.#default.remove(names, signal);

  /** Someone else's connection to the same store. */
  client(client: string, options: ClientOptions = {}): ParameterPort {
    const call = <T>(
      operation: ParameterOperation,
      name: string,
      value: string | undefined,
      signal: AbortSignal | undefined,
      effect: (at: Ms) => T,
    ): Promise<T> =>
      this.#call({ operation, name, client, ...(value === undefined ? {} : { value }) }, options, signal, effect);
    const lag = options.readLag ?? 0;
    return {
      create: (name, value, signal) =>
        call('create', name, value, signal, (at) => {
          this.#create(name, value, at);
        }),
      overwrite: (name, value, signal) =>
        call('overwrite', name, value, signal, (at) => {
          this.#overwrite(name, value, at);
        }),
      get: (name, signal) => call('get', name, undefined, signal, (at) => this.#seen(at, lag).get(name)),
      secret: (name, signal) =>
        call('secret', name, undefined, signal, (at) => {
          const value = this.#seen(at, lag).get(name);
          if (value === undefined) throw failure('not-found', 'ssm:GetParameter', `no parameter ${name}`);
          return value;
        }),
      list: (path, signal) =>
        call('list', path, undefined, signal, (at) => {
          const prefix = path.endsWith('/') ? path : `${path}/`;
          const found = [...this.#seen(at, lag)].filter(([name]) => name.startsWith(prefix));
          return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
        }),
      remove: (names, signal) =>
        call('remove', names.join(','), undefined, signal, (at) => {
          for (const name of names) {
            if (!this.#values.delete(name)) continue;
            this.#removed.add(name);
            this.#changes.push({ name, value: undefined, at });
          }
        }),
    };
  }

  /** The next calls that fit fail as told. Faults are used up in the order in which they were given. */
  inject(...faults: ParameterFault[]): void {
    for (const fault of faults) this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  clearFaults(): void {
    this.#faults.length = 0;
  }

  /** What is stored now, whatever clients may see. */
  snapshot(): ReadonlyMap<string, string> {
    return new Map([...this.#values].map(([name, { value }]) => [name, value]));
  }

  version(name: string): number | undefined {
    return this.#values.get(name)?.version;
  }

  /** Stores a value directly, as someone with the console would. */
  set(name: string, value: string): void {
    const version = (this.#values.get(name)?.version ?? 0) + 1;
    this.#values.set(name, { value, version });
    this.#changes.push({ name, value, at: -Infinity });
  }

  /** Removes a value directly. */
  delete(name: string): void {
    this.#values.delete(name);
    this.#removed.add(name);
    this.#changes.push({ name, value: undefined, at: -Infinity });
  }

  async #call<T>(
    facts: Omit<ParameterCall, 'at'>,
    options: ClientOptions,
    signal: AbortSignal | undefined,
    effect: (at: Ms) => T,
  ): Promise<T> {
    const call: ParameterCall = { ...facts, at: options.clock?.now() ?? 0 };
    const operation = API_NAME[call.operation];
    const inner = options.outlivesAbort === true ? undefined : signal;
    const pause = async (phase: 'before' | 'after'): Promise<void> => {
      await options.turn?.(call, phase);
      const latency = typeof options.latency === 'function' ? options.latency(call) : (options.latency ?? 0);
      if (latency > 0 && options.clock !== undefined) {
        try {
          await options.clock.sleep(latency, inner);
        } catch (cause) {
          throw failure('aborted', operation, `${operation} was aborted`, cause);
        }
      }
      if (inner?.aborted === true) throw failure('aborted', operation, `${operation} was aborted`, inner.reason);
    };
    const perform = async (): Promise<T> => {
      await pause('before');
      return this.#perform(call, pause, signal, effect, options);
    };
    if (options.outlivesAbort !== true || signal === undefined) return perform();
    const work = perform();
    const ended = new AbortController();
    try {
      return await Promise.race([work, hang(AbortSignal.any([signal, ended.signal]), operation)]);
    } finally {
      ended.abort();
      work.catch(() => undefined); // nobody listens any more
    }
  }

  async #perform<T>(
    call: ParameterCall,
    pause: (phase: 'before' | 'after') => Promise<void>,
    signal: AbortSignal | undefined,
    effect: (at: Ms) => T,
    options: ClientOptions,
  ): Promise<T> {
    const operation = API_NAME[call.operation];
    this.calls.push(call);
    const fault = this.#takeFault(call);
    if (fault?.when === 'hang') return hang(signal, operation);
    if (fault?.when === 'before') throw failure(fault.kind ?? 'throttled', operation, 'injected, before the effect');
    const result = effect(options.clock?.monotonic() ?? 0);
    if (fault?.when === 'after') throw failure(fault.kind ?? 'timeout', operation, 'injected, after the effect');
    await pause('after');
    return result;
  }

  #takeFault(call: ParameterCall): ParameterFault | undefined {
    const index = this.#faults.findIndex(
      ({ fault }) =>
        (fault.on === undefined || fault.on === call.operation) &&
        (fault.client === undefined || fault.client === call.client) &&
        (fault.name === undefined || fault.name.test(call.name)),
    );
    const entry = this.#faults[index];
    if (entry === undefined) return undefined;
    entry.left -= 1;
    if (entry.left <= 0) this.#faults.splice(index, 1);
    return entry.fault;
  }

  #create(name: string, value: string, at: Ms): void {
    check(name, value);
    if (this.#values.has(name)) {
      throw failure(
        'already-exists',
        'ssm:PutParameter',
        'The parameter already exists.',
        undefined,
        'ParameterAlreadyExists',
      );
    }
    if (this.#removed.has(name)) this.recreated.push(name);
    this.#values.set(name, { value, version: 1 });
    this.#changes.push({ name, value, at });
  }

  #overwrite(name: string, value: string, at: Ms): void {
    check(name, value);
    const before = this.#values.get(name);
    if (before === undefined) {
      // Without Type, PutParameter refuses a name that is not there; the adapter says in our words what that means.
      throw failure('not-found', 'ssm:PutParameter', `there is no parameter ${name}`, undefined, 'ValidationException');
    }
    this.#values.set(name, { value, version: before.version + 1 });
    this.#changes.push({ name, value, at });
  }

  /** What a reader sees whose view lags. */
  #seen(at: Ms, lag: Ms): Map<string, string> {
    if (lag <= 0) return new Map(this.snapshot());
    const seen = new Map<string, string>();
    for (const change of this.#changes) {
      if (change.at > at - lag) continue;
      if (change.value === undefined) seen.delete(change.name);
      else seen.set(change.name, change.value);
    }
    return seen;
  }
}

const API_NAME: Readonly<Record<ParameterOperation, string>> = {
  create: 'ssm:PutParameter',
  overwrite: 'ssm:PutParameter',
  get: 'ssm:GetParameter',
  secret: 'ssm:GetParameter',
  list: 'ssm:GetParametersByPath',
  remove: 'ssm:DeleteParameters',
};

function check(name: string, value: string): void {
  const invalid = (message: string): PortError =>
    failure('invalid', 'ssm:PutParameter', message, undefined, 'ValidationException');
  if (!NAME.test(name) || name.length > 1000 || /^\/(aws|ssm)/i.test(name)) throw invalid(`illegal name ${name}`);
  if (value === '') throw invalid('a value must not be empty');
  if (Buffer.byteLength(value) > LIMIT) throw invalid(`the value of ${name} is over ${LIMIT} bytes`);
  if (value.includes('{{')) throw invalid('a value must not contain {{');
}

function failure(
  kind: PortErrorKind,
  operation: string,
  message: string,
  cause?: unknown,
  serviceCode?: string,
): PortError {
  return new PortError({ kind, operation, message: `${operation}: ${message}`, cause, serviceCode });
}

function hang(signal: AbortSignal | undefined, operation: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => {
      reject(failure('aborted', operation, `${operation} was aborted`, signal?.reason));
    };
    if (signal?.aborted === true) fail();
    else signal?.addEventListener('abort', fail, { once: true });
  });
}
