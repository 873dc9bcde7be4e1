import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Access } from './access.js';
import { createControl } from './control.js';
import { createFaults } from './faults.js';
import { createEventLog, followStore } from './event-log.js';
import type { FleetReader } from './fleet.js';
import { createFleet } from './fleet.js';
import type { LoadBalancer } from './load-balancer/index.js';
import { startLoadBalancer } from './load-balancer/index.js';
import { claimNetwork } from './network.js';
import type { Service } from './server.js';
import { startWire } from './server.js';
import { createEc2, createSts } from './services/ec2/index.js';
import { createLifecycle } from './services/ec2/lifecycle.js';
import { createPlace } from './services/ec2/place.js';
import { createElbv2 } from './services/elbv2/index.js';
import { createStore } from './services/elbv2/store.js';
import { createTargets } from './services/elbv2/targets.js';
import type { SsmDeps } from './services/ssm/deps.js';
import { createTime } from './time.js';
import type { FaultSpec, Hosts, InstanceState, SandboxOptions, SandboxTime } from './types.js';
import { createCallLog } from './wire/call-log.js';
import { createPolicy } from './wire/policy.js';
import type { ThrottleSettings } from './wire/throttle.js';
import type { Color } from './world.js';
import { createWorld, instanceTags } from './world.js';

/** What the makers of hosts get. */
export interface HostsDeps {
  readonly stateDir: string;
  readonly region: string;
  readonly accountId: string;
  readonly time: SandboxTime;
  readonly fleet: FleetReader;
  /** First three numbers of the instances' addresses. */
  readonly prefix: string;
  /** Told of what goes wrong in the background. */
  readonly onError: (error: unknown) => void;
}

export interface SandboxDeps {
  /** Keys that calls must be signed with, and the token of the control routes. */
  readonly access: Access;
  readonly createHosts: (deps: HostsDeps) => Hosts | Promise<Hosts>;
  readonly createSsm: (deps: SsmDeps) => Service;
  /** Fills a new sandbox (images, first containers) once its instances are up; the sandbox is not ready before its end. */
  readonly seed?: (world: { readonly hosts: Hosts; readonly fleet: FleetReader }) => Promise<void>;
  /** Called with what goes wrong in the background. Absent: such errors end up in `status().errors` only. */
  readonly onError?: (error: unknown) => void;
  /** Least idle timeout of the load balancer, real ms; absent: 10 s. */
  readonly leastIdleMs?: number;
  /** Absent: calls are not throttled. */
  readonly throttle?: ThrottleSettings;
  /** Text of an IAM policy that every call must pass. Absent: every call is allowed. */
  readonly policy?: string;
}

export interface SandboxStatus {
  readonly endpoint: string;
  readonly region: string;
  readonly runtime: SandboxOptions['runtime'];
  readonly loadBalancer: { readonly url: string; readonly arn: string; readonly listenerArn: string };
  readonly targetGroups: readonly { readonly service: string; readonly color: Color; readonly arn: string }[];
  readonly instances: readonly {
    readonly id: string;
    readonly zone: string;
    readonly address: string;
    readonly state: InstanceState;
  }[];
  readonly timeScale: number;
  readonly stateDir: string;
  readonly pid: number;
  readonly faults: readonly FaultSpec[];
  /** Every target of the groups that get traffic was healthy at once since the start. */
  readonly ready: boolean;
  /** What went wrong in the background, the last few. */
  readonly errors: readonly string[];
}

export interface Sandbox {
  /** What AWS_ENDPOINT_URL has to be. */
  readonly endpoint: string;
  status(): SandboxStatus;
  /** Ends everything that the sandbox started; nothing is left listening or running. */
  close(): Promise<void>;
  /** Settles when the sandbox has closed, by close() or by POST /_sandbox/shutdown. */
  readonly closed: Promise<void>;
}

/** Longest propagation lag, AWS ms: seconds to tens of seconds were seen in practice, no bound is documented. */
const defaultLagMs = 5000;
const maxInstances = 50;
const keptErrors = 20;

/**
 * Starts a sandbox and lays out its default world. The caller sees to it that no other sandbox uses the state folder.
 * @throws when there is no free block of addresses, or a host or the seed fails; nothing is left running then
 */
export async function startSandbox(options: SandboxOptions, deps: SandboxDeps): Promise<Sandbox> {
  if (!Number.isInteger(options.instances) || options.instances < 0 || options.instances > maxInstances) {
    throw new RangeError(`instances is ${options.instances}; a sandbox has 0 to ${maxInstances}`);
  }
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });

  const undo: (() => Promise<unknown>)[] = [];
  const closing = new AbortController();
  const errors: string[] = [];
  const onError = (error: unknown): void => {
    if (!closing.signal.aborted) {
      errors.push(error instanceof Error ? error.message : String(error));
      errors.splice(0, errors.length - keptErrors);
      deps.onError?.(error);
    }
  };
  const { promise: closed, resolve: markClosed } = withResolvers();
  let ending: Promise<void> | undefined;
  const close = (): Promise<void> => {
    ending ??= (async () => {
      closing.abort(new Error('the sandbox is closing'));
      const failures: unknown[] = [];
      for (const step of undo.reverse()) {
        await step().catch((error: unknown) => failures.push(error));
      }
      markClosed();
      if (failures.length > 0) {
        throw new AggregateError(failures, 'the sandbox did not close cleanly');
      }
    })();
    return ending;
  };

  try {
    const network = await claimNetwork(options.stateDir, options.runtime);
    undo.push(() => network.close());
    const time = createTime(options.timeScale);
    const faults = createFaults();
    const fleet = createFleet();
    const place = createPlace(options.region, options.accountId, network.cidr);
    const { stateDir, region, accountId } = options;
    const events = createEventLog(join(stateDir, 'events.log'), onError);
    undo.push(() => events.close());
    const hosts = await deps.createHosts({ stateDir, region, accountId, time, fleet, prefix: network.prefix, onError });
    undo.push(() => hosts.close());
    const lifecycle = createLifecycle({ fleet, hosts, network, time, place, signal: closing.signal });
    await launch(
      options.instances,
      place.zones.map((zone) => zone.name),
      lifecycle,
    );

    const store = createStore(region, accountId);
    const lagMs = (): number => faults.list().findLast((fault) => fault.kind === 'lag')?.ms ?? defaultLagMs;
    const zones = place.zones.map((zone) => zone.name);
    const loadBalancer = await startLoadBalancer({
      store,
      fleet,
      hosts,
      time,
      stateDir,
      zones,
      lagMs,
      onError,
      events,
      ...(deps.leastIdleMs === undefined ? {} : { leastIdleMs: deps.leastIdleMs }),
    });
    undo.push(() => loadBalancer.close());
    const targets = createTargets({ store, fleet, time, health: loadBalancer.health });
    undo.push(() => {
      targets.close();
      return Promise.resolve();
    });
    const world = createWorld(store, place, fleet, loadBalancer.port);
    followStore(store, events);

    const readiness = { seeded: false, served: false };
    const isReady = (): boolean => {
      readiness.served ||= readiness.seeded && allHealthy(store, loadBalancer);
      return readiness.served;
    };
    const calls = createCallLog();
    let endpoint = '';
    const status = (): SandboxStatus => ({
      endpoint,
      region,
      runtime: options.runtime,
      loadBalancer: {
        url: `http://127.0.0.1:${loadBalancer.port}`,
        arn: world.loadBalancerArn,
        listenerArn: world.listenerArn,
      },
      targetGroups: world.groups,
      instances: fleet.list().map(({ id, zone, address, state }) => ({ id, zone, address, state })),
      timeScale: options.timeScale,
      stateDir,
      pid: process.pid,
      faults: faults.list(),
      ready: isReady(),
      errors: [...errors],
    });
    const policy =
      deps.policy === undefined
        ? undefined
        : createPolicy(deps.policy, { region, accountId }, (id) => fleet.get(id)?.tags);
    const control = createControl({
      policy,
      fleet,
      hosts,
      faults,
      calls,
      lifecycle,
      onError,
      status,
      shutdown: () => {
        close().catch(onError);
      },
    });
    const services = {
      ec2: createEc2({ fleet, place, lifecycle, onError }),
      sts: createSts(place),
      elbv2: createElbv2(store, targets),
      ssm: deps.createSsm({ time, fleet, hosts, faults, stateDir, region, accountId, events }),
    };
    const wire = await startWire({
      services,
      access: deps.access,
      region,
      faults,
      calls,
      control,
      ...(deps.throttle === undefined ? {} : { throttle: deps.throttle }),
      ...(policy === undefined ? {} : { policy }),
    });
    endpoint = wire.endpoint;
    undo.push(() => wire.close());

    await deps.seed?.({ hosts, fleet });
    readiness.seeded = true;
    loadBalancer.syncAll();
    return { endpoint, status, close, closed };
  } catch (error) {
    await close().catch(onError);
    throw error;
  }
}

async function launch(
  count: number,
  zones: readonly string[],
  lifecycle: ReturnType<typeof createLifecycle>,
): Promise<void> {
  const specs = Array.from({ length: count }, (_item, index) => ({
    zone: zones[index % zones.length] ?? '',
    tags: instanceTags(index + 1),
  }));
  await lifecycle.launch(specs).ready;
}

/** Whether every target of every group with traffic is healthy now. */
function allHealthy(store: ReturnType<typeof createStore>, loadBalancer: LoadBalancer): boolean {
  return [...store.groups.values()].every((group) =>
    group.registrations.every((one) => {
      const health = loadBalancer.health.healthOf(group.arn, one);
      return health === undefined || health.state === 'healthy';
    }),
  );
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
