import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { kernelNames } from './hosts/docker/names.js';
import type { SandboxOptions } from './types.js';

/**
 * One /24 that belongs to one sandbox: of 127/8, on whose addresses instances of the process runtime listen, or the one with the
 * same number of 10/8, for the bridge of the docker runtime.
 */
export interface SandboxNetwork {
  /** e.g. 127.77.12, or 10.77.12 */
  readonly prefix: string;
  /** e.g. 127.77.12.0/24 */
  readonly cidr: string;
  /** A free address of the block. @throws when all of them are in use */
  nextAddress(): string;
  close(): Promise<void>;
}

/** The port whose bind on 127.77.N.1 is the lock of block N, for both runtimes: it ends with the process, however it dies. */
const lockPort = 7700;
const firstHost = 10;
const lastHost = 254;

/**
 * Claims a /24 for the sandbox of `stateDir`: the same folder gets the same block again when it is free.
 * @throws when no block can be claimed, with the last reason
 */
export async function claimNetwork(
  stateDir: string,
  runtime: SandboxOptions['runtime'] = 'process',
): Promise<SandboxNetwork> {
  const start = createHash('sha256').update(stateDir).digest().readUInt16BE(0) % 254;
  let reason = '';
  for (let step = 0; step < 254; step++) {
    const number = 1 + ((start + step) % 254);
    const prefix = runtime === 'docker' ? `10.77.${number}` : `127.77.${number}`;
    if (runtime === 'docker' && isInUse(prefix, kernelNames(stateDir).bridge)) {
      reason = `${prefix}.0/24 is a network of this machine`;
      continue;
    }
    const lock = await bind(`127.77.${number}.1`, lockPort);
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

/** Whether an interface other than what a dead sandbox of the same folder left has an address of the block. */
function isInUse(prefix: string, own: string): boolean {
  return Object.entries(networkInterfaces()).some(
    ([name, addresses]) => name !== own && addresses?.some(({ address }) => address.startsWith(`${prefix}.`)) === true,
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
