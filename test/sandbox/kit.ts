import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { Agent, IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EC2Client } from '@aws-sdk/client-ec2';
import {
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { onTestFinished } from 'vitest';
import type { Access } from '../../src/sandbox/access.js';
import { createAccess } from '../../src/sandbox/access.js';
import type { FleetReader } from '../../src/sandbox/fleet.js';
import type { Sandbox, SandboxDeps, SandboxStatus } from '../../src/sandbox/start.js';
import { startSandbox } from '../../src/sandbox/start.js';
import type { Hosts, SandboxOptions } from '../../src/sandbox/types.js';
import { AwsError } from '../../src/sandbox/types.js';
import { sign } from './sign.js';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Hosts whose containers are plain HTTP servers of this process. */
export interface FakeHosts extends Hosts {
  /** Starts a server at an instance's port; it answers its version, and 200 on /health, unless `handler` answers. */
  run(instanceId: string, port: number, version: string, handler?: Handler): Promise<Server>;
  /** Stops a server as SIGKILL would: open connections break. */
  kill(instanceId: string, port: number): Promise<void>;
}

export function createFakeHosts(fleet: FleetReader): FakeHosts {
  const running = new Map<string, { server: Server; version: string }>();
  const kill = async (key: string): Promise<void> => {
    const one = running.get(key);
    running.delete(key);
    if (one !== undefined) {
      const closed = new Promise((resolve) => one.server.close(resolve));
      one.server.closeAllConnections();
      await closed;
    }
  };
  const killAll = async (prefix: string): Promise<void> => {
    await Promise.all([...running.keys()].filter((key) => key.startsWith(prefix)).map(kill));
  };
  return {
    async run(instanceId, port, version, handler) {
      const server = createServer({ keepAliveTimeout: 120_000 }, (incoming, response) => {
        if (handler !== undefined) {
          handler(incoming, response);
          return;
        }
        incoming.resume();
        response.end(version);
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, fleet.get(instanceId)?.address, resolve);
      });
      running.set(`${instanceId}:${port}`, { server, version });
      return server;
    },
    kill: (instanceId, port) => kill(`${instanceId}:${port}`),
    exec: () => Promise.reject(new Error('the fake hosts run no commands')),
    containers: () => Promise.resolve([]),
    serving(instanceId, port) {
      const one = running.get(`${instanceId}:${port}`);
      return one === undefined ? undefined : { digest: `sha256:${one.version}`, image: `shop:${one.version}` };
    },
    addInstance: () => Promise.resolve(),
    removeInstance: (instanceId) => killAll(instanceId),
    reboot: () => Promise.resolve(),
    build: () => Promise.resolve('sha256:built'),
    close: () => killAll(''),
  };
}

export interface Kit {
  readonly sandbox: Sandbox;
  readonly hosts: FakeHosts;
  readonly stateDir: string;
  readonly access: Access;
  readonly url: string;
  readonly ec2: EC2Client;
  readonly elb: ElasticLoadBalancingV2Client;
  readonly listenerArn: string;
  status(): SandboxStatus;
  /** ARN of a target group of the default world. */
  group(service: string, color: string): string;
  /** Ids of the instances. */
  readonly ids: readonly string[];
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  /** A signed call that no SDK makes: of SSM by its operation, else a form. */
  call(service: 'ssm' | 'ec2' | 'sts', operation: string, body: string): Promise<Reply>;
}

/** A sandbox with fake hosts, version 1 running on the blue ports, taken down when the test ends. */
export async function startKit(
  options: Partial<Omit<SandboxOptions, 'stateDir'>> = {},
  extra: Partial<SandboxDeps> = {},
): Promise<Kit> {
  const stateDir = await mkdtemp(join(tmpdir(), 'sandbox-test-'));
  onTestFinished(() => rm(stateDir, { recursive: true, force: true }));
  const held: { hosts?: FakeHosts } = {};
  const access = createAccess();
  const sandbox = await startSandbox(
    {
      instances: 2,
      timeScale: 50,
      runtime: 'process',
      region: 'eu-west-1',
      accountId: '123456789012',
      ...options,
      stateDir,
    },
    {
      access,
      createHosts: ({ fleet }) => (held.hosts = createFakeHosts(fleet)),
      createSsm:
        () =>
        ({ operation, params }) =>
          operation === 'Echo'
            ? Promise.resolve({ params })
            : Promise.reject(new AwsError('UnknownOperationException', `no ${operation}`)),
      seed: async ({ fleet }) => {
        for (const { id } of fleet.list()) {
          await held.hosts?.run(id, 8081, '1');
          await held.hosts?.run(id, 8091, '1');
        }
      },
      ...extra,
    },
  );
  // Callbacks run last first: the sandbox closes before its folder goes.
  onTestFinished(() => sandbox.close());
  const { hosts } = held;
  if (hosts === undefined) {
    throw new Error('the sandbox made no hosts');
  }
  const client = {
    endpoint: sandbox.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: access.client.id, secretAccessKey: access.client.secret },
    maxAttempts: 1,
  };
  const ec2 = new EC2Client(client);
  const elb = new ElasticLoadBalancingV2Client(client);
  onTestFinished(() => {
    ec2.destroy();
    elb.destroy();
  });
  const status = sandbox.status();
  const kit: Kit = {
    sandbox,
    hosts,
    stateDir,
    access,
    url: status.loadBalancer.url,
    ec2,
    elb,
    listenerArn: status.loadBalancer.listenerArn,
    status: () => sandbox.status(),
    group: (service, color) =>
      status.targetGroups.find((one) => one.service === service && one.color === color)?.arn ?? '',
    ids: status.instances.map((one) => one.id),
    async control(method, path, body) {
      const response = await fetch(`${sandbox.endpoint}/_sandbox/${path}`, {
        method,
        headers: { authorization: `Bearer ${access.control}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer: unknown = await response.json();
      if (!response.ok) {
        throw new Error(JSON.stringify(answer));
      }
      return answer;
    },
    call(service, operation, body) {
      const headers: Record<string, string> =
        service === 'ssm'
          ? { 'x-amz-target': `AmazonSSM.${operation}`, 'content-type': 'application/x-amz-json-1.1' }
          : { 'content-type': 'application/x-www-form-urlencoded' };
      const post = { host: new URL(sandbox.endpoint).host, service, headers, body };
      return fetchRaw(sandbox.endpoint, { method: 'POST', headers: sign(post, access.client), body });
    },
  };
  await until('the fleet is ready', () => sandbox.status().ready);
  return kit;
}

/** Waits for a state, looking every 10 ms; fails after 20 s, which no state here takes. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error(`waited 20 s in vain until ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** `state/reason` of each registered target, by `i-…:port`. */
export async function healthOf(kit: Kit, groupArn: string): Promise<Record<string, string>> {
  const answer = await kit.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: groupArn }));
  return Object.fromEntries(
    (answer.TargetHealthDescriptions ?? []).map((one) => [
      `${one.Target?.Id}:${one.Target?.Port}`,
      [one.TargetHealth?.State, one.TargetHealth?.Reason].filter((part) => part !== undefined).join('/'),
    ]),
  );
}

export async function register(kit: Kit, groupArn: string, port: number, ids = kit.ids): Promise<void> {
  await kit.elb.send(
    new RegisterTargetsCommand({ TargetGroupArn: groupArn, Targets: ids.map((id) => ({ Id: id, Port: port })) }),
  );
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export function fetchRaw(
  url: string,
  options: { agent?: Agent | false; headers?: Record<string, string>; method?: string; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = options;
    const outgoing = request(url, { agent: false, ...rest }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
