import type { RolloutRecord } from '../domain/record.js';
import type { HostBook } from '../engine/book.js';
import type { Lease } from '../state/index.js';
import type { NotifierMemory, Toolbox } from './toolbox.js';

/** One writer of the record: the loop's changes and what alerts must remember, in the order in which they come. */
export class RecordKeeper {
  readonly #box: Toolbox;
  readonly #lease: Lease;
  readonly #book: HostBook;
  #record: RolloutRecord;
  #queue: Promise<void> = Promise.resolve();

  constructor(box: Toolbox, lease: Lease, book: HostBook, record: RolloutRecord) {
    this.#box = box;
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

  memory(): NotifierMemory {
    const { notified, discordMessage } = this.#record;
    return {
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
    const store = (): Promise<void> => this.#box.state.writeRecord(withTasks(this.#record, this.#book), this.#lease);
    const stored = this.#queue.then(store, store);
    // The queue only orders; whoever asked for the write hears of its failure.
    this.#queue = stored.catch(() => undefined);
    return stored;
  }
}

/** A task runs at most once per release: one that was begun by a process that died is not begun again. */
export function restoreTasks(book: HostBook, record: RolloutRecord): void {
  for (const [service, state] of Object.entries(record.tasks ?? {})) {
    if (state === 'intended') book.tasks.set(service, { is: 'unknown', why: 'deployctl died while it ran' });
    else book.tasks.set(service, { is: state });
  }
}

function withTasks(record: RolloutRecord, book: HostBook): RolloutRecord {
  const tasks: Record<string, 'intended' | 'succeeded' | 'failed'> = {};
  for (const [service, { is }] of book.tasks) {
    if (is === 'succeeded' || is === 'failed') tasks[service] = is;
    else if (is !== 'none') tasks[service] = 'intended';
  }
  return Object.keys(tasks).length === 0 ? record : { ...record, tasks: { ...record.tasks, ...tasks } };
}
