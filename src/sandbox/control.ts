import { z } from 'zod';
import type { Fleet } from './fleet.js';
import type { ControlHandler } from './server.js';
import type { Lifecycle } from './services/ec2/lifecycle.js';
import { FaultRefused } from './types.js';
import type { Faults, FaultSpec, HostFault, Hosts } from './types.js';
import type { CallLog } from './wire/call-log.js';
import type { Policy } from './wire/policy.js';

const instance = z.string().regex(/^i-[0-9a-f]{8,17}$/, 'an instance is named by its id, i-…');
const times = z.number().int().min(1).optional();
const ms = z.number().min(0);
const api = { operation: z.string().min(1), when: z.enum(['before', 'after']), times };
const ssm = { instance: instance.optional(), times };

const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('api-error'),
    code: z.string(),
    status: z.number().int().min(400).max(599),
    ...api,
  }),
  z.strictObject({ kind: z.literal('api-drop'), ...api }),
  z.strictObject({ kind: z.literal('api-hang'), ms, ...api }),
  z.strictObject({ kind: z.literal('api-html'), status: z.number().int().min(200).max(599), ...api }),
  z.strictObject({ kind: z.literal('ssm-duplicate'), ms, ...ssm }),
  z.strictObject({ kind: z.literal('ssm-late'), ms, ...ssm }),
  z.strictObject({ kind: z.literal('ssm-lost'), ...ssm }),
  z.strictObject({ kind: z.literal('agent-offline'), instance }),
  z.strictObject({ kind: z.literal('agent-online'), instance }),
  z.strictObject({ kind: z.literal('agent-absent'), instance }),
  z.strictObject({ kind: z.literal('instance-terminate'), instance }),
  z.strictObject({ kind: z.literal('instance-stop'), instance }),
  z.strictObject({ kind: z.literal('instance-start'), instance }),
  z.strictObject({ kind: z.literal('instance-reboot'), instance }),
  z.strictObject({ kind: z.literal('lag'), ms }),
  z.strictObject({ kind: z.literal('registry-down') }),
  z.strictObject({ kind: z.literal('registry-denied') }),
  z.strictObject({ kind: z.literal('registry-slow'), ms }),
  z.strictObject({ kind: z.literal('image-gone'), image: z.string().min(1), instance: instance.optional() }),
  z.strictObject({ kind: z.literal('port-taken'), instance, port: z.number().int().min(1).max(65_535) }),
  z.strictObject({ kind: z.literal('oom-kill'), instance, container: z.string().min(1) }),
  z.strictObject({ kind: z.literal('docker-kill'), instance }),
  z.strictObject({ kind: z.literal('docker-restart'), instance }),
  z.strictObject({ kind: z.literal('disk-full'), instance }),
  z.strictObject({ kind: z.literal('network-cut'), instance }),
]);

const buildSchema = z.strictObject({
  context: z.string(),
  reference: z.string(),
  args: z.record(z.string(), z.string()).optional(),
});

export interface ControlDeps {
  readonly fleet: Fleet;
  readonly hosts: Hosts;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly policy: Policy | undefined;
  readonly lifecycle: Lifecycle;
  /** Told of what goes wrong after a fault was accepted. */
  readonly onError: (error: unknown) => void;
  readonly status: () => unknown;
  /** Begins the sandbox's end; called after the answer is on its way. */
  readonly shutdown: () => void;
}

type Answer = Awaited<ReturnType<ControlHandler>>;

/**
 * What the sandbox's own commands ask of it, below /_sandbox/: GET status, calls, policy, containers; POST fault, build,
 * shutdown; DELETE fault. Bodies are JSON; a refused one answers 400 with `{error}`.
 */
export function createControl(deps: ControlDeps): ControlHandler {
  const routes: Readonly<Record<string, (body: unknown) => Promise<Answer>>> = {
    'GET status': () => ok(deps.status()),
    'GET calls': () => ok(deps.calls.report()),
    'GET policy': () => ok(deps.policy?.report() ?? { statements: [], denied: [] }),
    'GET containers': async () => {
      const live = deps.fleet.list().filter((one) => one.state === 'running');
      const listed = await Promise.all(
        live.map(async (one): Promise<[string, unknown]> => [one.id, await deps.hosts.containers(one.id)]),
      );
      return ok(Object.fromEntries(listed));
    },
    'POST fault': async (body) => {
      const parsed = faultSchema.safeParse(body);
      if (!parsed.success) {
        return refuse(400, z.prettifyError(parsed.error));
      }
      const spec = withoutUndefined(parsed.data);
      if ('instance' in spec && spec.instance !== undefined && deps.fleet.get(spec.instance) === undefined) {
        return refuse(
          404,
          `no instance ${spec.instance}; this sandbox has ${deps.fleet
            .list()
            .map((one) => one.id)
            .join(', ')}`,
        );
      }
      await play(deps, spec);
      return ok({ faults: deps.faults.list() });
    },
    'DELETE fault': async () => {
      const cut = deps.faults.list().filter((fault) => fault.kind === 'network-cut');
      deps.faults.clear();
      await deps.hosts.endFaults?.();
      for (const { instance: id } of cut) {
        if (deps.fleet.get(id)?.state === 'running') deps.fleet.setAgent(id, 'online');
      }
      return ok({ faults: [] });
    },
    'POST build': async (body) => {
      const parsed = buildSchema.safeParse(body);
      if (!parsed.success) {
        return refuse(400, z.prettifyError(parsed.error));
      }
      const digest = await deps.hosts.build(parsed.data.context, parsed.data.reference, parsed.data.args);
      return ok({ reference: parsed.data.reference, digest });
    },
    'POST shutdown': () => {
      setImmediate(deps.shutdown);
      return ok({});
    },
  };
  return async (method, path, body) => {
    const route = Object.hasOwn(routes, `${method} ${path}`) ? routes[`${method} ${path}`] : undefined;
    if (route === undefined) {
      return refuse(404, `no ${method} /_sandbox/${path}; there are: ${Object.keys(routes).join(', ')}`);
    }
    try {
      return await route(body);
    } catch (error) {
      return refuse(error instanceof FaultRefused ? 400 : 500, error instanceof Error ? error.message : String(error));
    }
  };
}

/** Faults of instances act at once; the others are armed and wait for a call that they match. */
async function play(deps: ControlDeps, spec: FaultSpec): Promise<void> {
  switch (spec.kind) {
    case 'agent-offline':
      deps.fleet.setAgent(spec.instance, 'offline');
      return;
    case 'agent-online':
      deps.fleet.setAgent(spec.instance, 'online');
      return;
    case 'agent-absent':
      deps.fleet.setAgent(spec.instance, 'absent');
      return;
    case 'instance-terminate':
      return deps.lifecycle.terminate(spec.instance, 'at-once');
    case 'instance-stop':
      return deps.lifecycle.stop(spec.instance, 'at-once');
    case 'instance-start':
      return deps.lifecycle.start(spec.instance, 'at-once');
    case 'instance-reboot':
      // A reboot takes its time; it has begun when this is answered.
      deps.lifecycle.reboot(spec.instance).catch(deps.onError);
      return;
    case 'image-gone':
    case 'oom-kill':
    case 'docker-restart':
      return playOnHosts(deps, spec);
    case 'registry-down':
    case 'registry-denied':
    case 'registry-slow':
    case 'port-taken':
    case 'docker-kill':
    case 'disk-full':
    case 'network-cut':
      await playOnHosts(deps, spec);
      deps.faults.add(spec);
      // Its agent is as cut off as the rest of it.
      if (spec.kind === 'network-cut') deps.fleet.setAgent(spec.instance, 'offline');
      return;
    default:
      deps.faults.add(spec);
  }
}

async function playOnHosts({ hosts, fleet }: ControlDeps, fault: HostFault): Promise<void> {
  if ('instance' in fault && fault.instance !== undefined && fleet.get(fault.instance)?.state !== 'running') {
    throw new FaultRefused(`${fault.instance} does not run; start it before playing ${fault.kind} on it`);
  }
  if (hosts.play === undefined) throw new FaultRefused(`these hosts cannot play ${fault.kind}`);
  await hosts.play(fault);
}

/** The parsed spec without members that are undefined, which FaultSpec does not allow. */
function withoutUndefined(spec: z.output<typeof faultSchema>): FaultSpec {
  switch (spec.kind) {
    case 'api-error':
    case 'api-drop':
    case 'api-hang':
    case 'api-html': {
      const { times: count, ...rest } = spec;
      return count === undefined ? rest : { ...rest, times: count };
    }
    case 'image-gone': {
      const { instance: id, ...rest } = spec;
      return id === undefined ? rest : { ...rest, instance: id };
    }
    case 'ssm-duplicate':
    case 'ssm-late':
    case 'ssm-lost': {
      const { times: count, instance: id, ...rest } = spec;
      return {
        ...rest,
        ...(count === undefined ? {} : { times: count }),
        ...(id === undefined ? {} : { instance: id }),
      };
    }
    default:
      return spec;
  }
}

function ok(body: unknown): Promise<Answer> {
  return Promise.resolve({ status: 200, body });
}

function refuse(status: number, error: string): Answer {
  return { status, body: { error } };
}
