import { Client } from 'undici';

/** A keep-alive connection may stay idle this long, unless the server says less. */
const KEEP_ALIVE_MS = 60_000;

/**
 * A fixed set of keep-alive connections with one request at a time on each. The one that has been idle longest is next,
 * so that all of them are used; when all are busy, callers wait in line.
 */
export class Connections {
  readonly #all: readonly Client[];
  readonly #idle: Client[];
  readonly #waiting: ((client: Client) => void)[] = [];

  /** @param timeoutMs for connecting, for headers and between two parts of a body */
  constructor(origin: string, count: number, timeoutMs: number) {
    this.#all = Array.from(
      { length: count },
      () =>
        new Client(origin, {
          pipelining: 1,
          connect: { timeout: timeoutMs },
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          keepAliveTimeout: KEEP_ALIVE_MS,
        }),
    );
    this.#idle = [...this.#all];
  }

  /** Runs `use` with a free connection. */
  async with<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#idle.shift() ?? (await new Promise<Client>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(client);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#idle.push(client);
      } else {
        next(client);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((client) => client.destroy()));
  }
}
