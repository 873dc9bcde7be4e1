import { Agent } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of one balancer node to one target.
 *
 * Unlike the stock agent it does not obey the target's `Keep-Alive: timeout=` hint, because an ALB keeps idle
 * connections for its own idle timeout: a target that closes them sooner earns 502s (ALB guide, troubleshooting,
 * HTTP 502: "the keep-alive duration of the target is shorter than the idle timeout value of the load balancer").
 */
export class TargetAgent extends Agent {
  #retired = false;

  constructor(private readonly idleMs: () => number) {
    super({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 1024, scheduling: 'fifo' });
  }

  /** The target takes new requests. */
  enlist(): void {
    this.#retired = false;
  }

  /** The target drains or is gone: idle connections close now, busy ones after their request. */
  retire(): void {
    this.#retired = true;
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of sockets ?? []) {
        socket.destroy();
      }
    }
  }

  override keepSocketAlive(socket: Socket): boolean {
    if (this.#retired) {
      return false;
    }
    socket.setKeepAlive(true, 1000);
    socket.unref();
    // The agent destroys a free socket that times out.
    socket.setTimeout(this.idleMs());
    return true;
  }
}
