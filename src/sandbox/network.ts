import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/** One /24 of 127/8 that belongs to one sandbox. Instances of the process runtime listen on its addresses. */
export interface SandboxNetwork {
  /** e.g. 127.77.12 */
  readonly prefix: string;
  /** e.g. 127.77.12.0/24 */
  readonly cidr: string;
  /** A free address of the block. @throws when all of them are in use */
  nextAddress(): string;
  close(): Promise<void>;
}

/** The port whose bind on the block's first address is the block's lock: it ends with the process, however it dies. */
const lockPort = 7700;
const firstHost = 10;
const lastHost = 254;

/**
 * Claims a /24 for the sandbox of `stateDir`: the same folder gets the same block again when it is free.
 * @throws when no block can be claimed, with the last reason
 */
export async function claimNetwork(stateDir: string): Promise<SandboxNetwork> {
  const start = createHash('sha256').update(stateDir).digest().readUInt16BE(0) % 254;
  let reason = '';
  for (let step = 0; step < 254; step++) {
    const prefix = `127.77.${1 + ((start + step) % 254)}`;
    const lock = await bind(`${prefix}.1`, lockPort);
    if ('server' in lock) {
      return network(prefix, lock.server);
    }
    reason = lock.reason;
    if (lock.code !== 'EADDRINUSE') {
      break;
    }
  }
  throw new Error(
    `no block of 127.77.0.0/16 can be claimed for a sandbox (${reason}); it needs Linux, where all of 127/8 can be ` +
      `bound, and port ${lockPort} free on one of 127.77.1.1 to 127.77.254.1`,
  );
}

function network(prefix: string, lock: Server): SandboxNetwork {
  let next = firstHost;
  return {
    prefix,
    cidr: `${prefix}.0/24`,
    nextAddress() {
      if (next > lastHost) {
        throw new Error(
          `${prefix}.0/24 has no free address left: this sandbox has had ${lastHost - firstHost + 1} instances`,
        );
      }
      return `${prefix}.${next++}`;
    },
    close: () =>
      new Promise((resolve) => {
        lock.close(() => {
          resolve();
        });
      }),
  };
}

function bind(host: string, port: number): Promise<{ server: Server } | { code: string; reason: string }> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ code: error.code ?? '', reason: error.message });
    });
    server.listen(port, host, () => {
      server.unref();
      resolve({ server });
    });
  });
}
