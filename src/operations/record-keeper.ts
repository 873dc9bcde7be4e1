import { DeployctlError, messageOf } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { OutcomeRecord, RolloutRecord } from '../domain/record.js';
import type { HostBook } from '../engine/book.js';
import { Troubles } from '../engine/troubles.js';
import type { Lease } from '../state/index.js';
import { isTransient } from '../state/index.js';
import type { NotifierMemory, Toolbox } from './toolbox.js';

/** Between two tries to store what could not be stored, each of which takes several attempts. */
const again: Ms = 1000;

export interface KeeperDeps {
  readonly state: Pick<Toolbox['state'], 'writeRecord' | 'writeOutcome' | 'restoreRecord'>;
  readonly clock: Toolbox['clock'];
  readonly emit: Toolbox['emit'];
  /** An operator's interrupt. */
  readonly signal: AbortSignal;
  /** The longest that a write is tried again. */
  readonly hold: Ms;
}

/**
 * One writer of the record: the loop's changes and what alerts must remember, in the order in which they come. A store that does not answer for a
 * while, or a lease that is renewed late, is waited for: nothing goes on before its intent is stored, and nothing else is lost by waiting.
 */
export class RecordKeeper {
  readonly #deps: KeeperDeps;
  readonly #lease: Lease;
  readonly #book: Pick<HostBook, 'tasks'>;
  readonly #troubles: Troubles;
  #record: RolloutRecord;
  #queue: Promise<void> = Promise.resolve();

  constructor(deps: KeeperDeps, lease: Lease, book: Pick<HostBook, 'tasks'>, record: RolloutRecord) {
    this.#deps = deps;
    this.#troubles = new Troubles(deps.clock, deps.emit);
    this.#lease = lease;
    this.#book = book;
    this.#record = record;
  }

  /** Stores what the loop knows, with what alerts have noted meanwhile. */
  write(next: RolloutRecord): Promise<void> {
    const { notified, discordMessage } = this.#record;
    this.#record = { ...next, notified, ...(discordMessage === undefined ? {} : { discordMessage }) };
    return this.#store();
  }

  /** Stores the record again where somebody has removed it, which needs no lease. @returns whether it was gone */
  restore(): Promise<boolean> {
    return this.#deps.state.restoreRecord(withTasks(this.#record, this.#book), this.#deps.signal);
  }

  /** Stores how it ended. @throws DeployctlError as State.writeOutcome */
  writeOutcome(outcome: OutcomeRecord): Promise<void> {
    return this.#inTurn(() => this.#deps.state.writeOutcome(outcome, this.#lease));
  }

  memory(): NotifierMemory {
    const { notified, discordMessage } = this.#record;
    return {
      attempt: this.#lease.generation,
      alreadySent: new Set(notified),
      ...(discordMessage === undefined ? {} : { messageId: discordMessage }),
      markSent: (kind) => {
        this.#record = { ...this.#record, notified: [...this.#record.notified, kind] };
        return this.#store();
      },
      remember: (id) => {
        this.#record = { ...this.#record, discordMessage: id };
        return this.#store();
      },
    };
  }

  #store(): Promise<void> {
    return this.#inTurn(() => this.#deps.state.writeRecord(withTasks(this.#record, this.#book), this.#lease));
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const store = (): Promise<void> => this.#persist(write);
    const stored = this.#queue.then(store, store);
    // The queue only orders; whoever asked for the write hears of its failure.
    this.#queue = stored.catch(() => undefined);
    return stored;
  }

  /** Until it is stored, the lease is lost, somebody interrupts, or it has taken as long as a hold may last. */
  async #persist(write: () => Promise<void>): Promise<void> {
    const { clock, signal, hold } = this.#deps;
    const end = clock.monotonic() + hold;
    for (;;) {
      try {
        await write();
        this.#troubles.over('record', 'the record of the rollout is stored, and it goes on', 0);
        return;
      } catch (error) {
        const passes = isTransient(error) || (error instanceof DeployctlError && error.code === 'lease.expired');
        if (!passes || signal.aborted || clock.monotonic() >= end) throw error;
        const text = `the record of the rollout cannot be stored: ${messageOf(error)}. Nothing is changed until it is`;
        this.#troubles.began('record', text);
        await clock.sleep(again, AbortSignal.any([signal, this.#lease.lost]));
      }
    }
  }
}

/** A task runs at most once per release: one that was begun by a process that died is not begun again. */
export function restoreTasks(book: HostBook, record: RolloutRecord): void {
  for (const [service, state] of Object.entries(record.tasks ?? {})) {
    if (state === 'intended') book.tasks.set(service, { is: 'unknown', why: 'deployctl died while it ran' });
    else book.tasks.set(service, { is: state });
  }
}

function withTasks(record: RolloutRecord, book: Pick<HostBook, 'tasks'>): RolloutRecord {
  const tasks: Record<string, 'intended' | 'succeeded' | 'failed'> = {};
  for (const [service, { is }] of book.tasks) {
    if (is === 'succeeded' || is === 'failed') tasks[service] = is;
    else if (is !== 'none') tasks[service] = 'intended';
  }
  return Object.keys(tasks).length === 0 ? record : { ...record, tasks: { ...record.tasks, ...tasks } };
}
