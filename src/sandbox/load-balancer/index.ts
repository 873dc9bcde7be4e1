import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { EventLog } from '../event-log.js';
import type { FleetReader } from '../fleet.js';
import type { HealthReader } from '../services/elbv2/model.js';
import type { Elbv2Store } from '../services/elbv2/store.js';
import type { Hosts, SandboxTime } from '../types.js';
import { createAccessLog } from './access-log.js';
import { createHealthChecker } from './health.js';
import { BalancerNode } from './node.js';
import { createPropagation } from './propagation.js';
import { serve } from './proxy.js';
import { serveUpgrade } from './upgrade.js';

export interface LoadBalancerDeps {
  readonly store: Elbv2Store;
  readonly fleet: FleetReader;
  readonly hosts: Pick<Hosts, 'serving'>;
  readonly time: SandboxTime;
  /** access.log is kept here. */
  readonly stateDir: string;
  /** One node for each. */
  readonly zones: readonly string[];
  /** Longest propagation lag, AWS ms, asked at each change. */
  readonly lagMs: () => number;
  /** The idle timeout is not scaled below this, real ms: requests last as long as they last, whatever the time scale. */
  readonly leastIdleMs?: number;
  readonly onError: (error: unknown) => void;
  readonly events?: EventLog;
}

/** The data plane: real sockets that do what the control plane said a while ago. */
export interface LoadBalancer {
  readonly port: number;
  readonly health: HealthReader;
  /** Takes the present state of the control plane without lag. */
  syncAll(): void;
  close(): Promise<void>;
}

const leastIdleMs = 10_000;

/** As long as an ALB keeps idle client connections (`client_keep_alive.seconds`); Node's own 5 s would break clients. */
const clientKeepAliveMs = 3_600_000;

export async function startLoadBalancer(deps: LoadBalancerDeps): Promise<LoadBalancer> {
  const { time, hosts } = deps;
  const health = createHealthChecker(time, (one, state) => {
    deps.events?.write(`${one.instanceId}:${String(one.port)} ${state}`);
  });
  const nodes = deps.zones.map((zone) => new BalancerNode(zone, health, time, deps.leastIdleMs ?? leastIdleMs));
  const propagation = createPropagation({
    store: deps.store,
    fleet: deps.fleet,
    time,
    followers: [...nodes, health],
    lagMs: deps.lagMs,
  });
  const log = createAccessLog(join(deps.stateDir, 'access.log'), deps.onError);
  let port = 0;
  const context = { time, hosts, log, port: () => String(port) };

  // A client's connection belongs to one node, as the address that it resolved does.
  const nodeOf = new WeakMap<object, BalancerNode>();
  let turn = 0;
  const nextNode = (): BalancerNode => {
    const node = nodes[turn++ % nodes.length];
    if (node === undefined) {
      throw new Error('a load balancer needs at least one zone');
    }
    return node;
  };
  const server = createServer(
    { keepAliveTimeout: clientKeepAliveMs, requestTimeout: 0, noDelay: true },
    (request, response) => {
      response.sendDate = false;
      serve(context, nodeOf.get(request.socket) ?? nextNode(), request, response);
    },
  );
  server.headersTimeout = 60_000;
  const tunnels = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    nodeOf.set(socket, nextNode());
  });
  server.on('upgrade', (request, socket, head) => {
    tunnels.add(request.socket);
    request.socket.once('close', () => tunnels.delete(request.socket));
    serveUpgrade(context, nodeOf.get(socket) ?? nextNode(), request, socket, head);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', 4096, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('the load balancer has no TCP address');
  }
  port = address.port;
  return {
    port,
    health,
    syncAll: () => {
      propagation.syncAll();
    },
    async close() {
      propagation.close();
      health.close();
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      server.closeAllConnections();
      for (const socket of tunnels) {
        socket.destroy();
      }
      for (const node of nodes) {
        node.close();
      }
      await closed;
      await log.close();
    },
  };
}
