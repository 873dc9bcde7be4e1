import type { GroupWeight } from '../../src/domain/observation.js';
import type { EnvironmentSettings } from '../../src/domain/settings.js';
import type { HostPort } from '../../src/engine/host-port.js';
import type { FleetPort, GroupFacts, HttpPort, ParameterPort, TrafficPort } from '../../src/engine/ports.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { createGates } from '../../src/compose/gates.js';
import { createState } from '../../src/state/index.js';
import type { Process } from './process.js';
import { changeLimit } from './process.js';
import { refused } from './world/balancer.js';
import { digestOf, takes } from './world/shape.js';

/** Everything that an operation works with, over a simulated world. Only this and the composition root make a Toolbox. */
export function toolboxOf(process: Process, settings: EnvironmentSettings): Toolbox {
  const { clock, world, actor } = process;
  const random = { hex: (length: number): string => process.random.hex(length) };
  const { app, environment } = settings;
  return {
    settings,
    fleet: fleetPort(process),
    traffic: trafficPort(process),
    images: {
      resolve: (repository, tag, signal) =>
        process.call(
          'ecr:DescribeImages',
          'read',
          () => digestOf(repository.split('/')[1] ?? '', world.tagsMoved ? 'newer' : tag),
          signal,
        ),
    },
    identity: { credentialsEnd: () => Promise.resolve(undefined) },
    account: {
      balancers: notModelled,
      routesOf: notModelled,
      groups: notModelled,
      instanceTags: notModelled,
      tags: notModelled,
      idleTimeout: notModelled,
      prove: notModelled,
    },
    hosts: hostPort(process),
    state: createState({ parameters: parameterPort(process), clock, random, app, environment }),
    clock,
    random,
    gates: (gates) => createGates({ http: httpPort(process), clock }, gates),
    emit: (event) => {
      if (event.type === 'view') world.watcher?.ticked(process.name, event.view);
      if (event.type === 'phase.changed') world.note(`${process.name} … ${event.phase}`);
      if (event.type === 'action.sent') world.note(`${process.name} → ${event.text}`);
      if (event.type === 'host.failed') world.note(`${process.name} ← ${event.failure.message}`);
    },
    actor,
    isAlive: (other) => {
      if (other.host !== actor.host) return undefined;
      return world.living.has(other.pid);
    },
    signal: process.stop.signal,
    changeLimit,
    notifier: () => Promise.resolve({ close: () => Promise.resolve() }),
  };
}

/** What only `doctor` and `init` ask for. */
const notModelled = (): Promise<never> => Promise.reject(refused('invalid', 'this world does not know'));

/** A user's request: `http://shop/backend`. */
function httpPort({ clock, world }: Process): HttpPort {
  return {
    probe: async (url, _options, signal) => {
      await clock.sleep(takes.probe, signal);
      const status = world.ask(url.split('/').at(-1) ?? '');
      return { ok: true, status, latency: takes.probe };
    },
  };
}

function fleetPort(process: Process): FleetPort {
  return {
    instances: (_selector, _layout, signal) =>
      process.call('ec2:DescribeInstances', 'read', () => process.world.view().fleet(), signal),
    states: (instances, signal) =>
      process.call('ec2:DescribeInstances', 'read', () => process.world.view().states(instances), signal),
  };
}

function trafficPort(process: Process): TrafficPort {
  const { world } = process;
  const { balancer } = world;
  const facts = (): readonly GroupFacts[] =>
    [...balancer.groups.values()].map(({ arn, port }) => ({
      arn,
      name: arn,
      targetType: 'instance',
      port,
      loadBalancers: ['arn:lb'],
      healthPath: '/health',
      healthInterval: takes.healthInterval,
      healthTimeout: 2000,
      healthyThreshold: takes.healthyThreshold,
      unhealthyThreshold: takes.unhealthyThreshold,
      deregistrationDelay: balancer.drains,
      groupStickiness: false,
      slowStart: 0,
      crossZone: true,
      failOpenBelow: { count: 1 },
    }));
  const change = (name: string, what: string, effect: () => void, signal?: AbortSignal): Promise<void> =>
    process.call(
      name,
      'change',
      () => {
        const { version } = world;
        world.acting(process.name);
        if (world.idleUntil < world.timeline.now) effect();
        else world.counted('F43');
        world.watcher?.sent(process.name, `${name} ${what}`, world.version !== version);
      },
      signal,
    );
  return {
    resolveGroup: (name) =>
      name.is === 'arn' ? Promise.resolve(name.arn) : Promise.reject(refused('not-found', name.name)),
    resolveRoute: (name) =>
      name.is === 'arn' ? Promise.resolve(name.arn) : Promise.reject(refused('not-found', 'a rule')),
    groups: (groups, signal) =>
      process.call(
        'elbv2:DescribeTargetGroups',
        'read',
        () => facts().filter(({ arn }) => groups.includes(arn)),
        signal,
      ),
    groupsHolding: (_targets, signal) => process.call('elbv2:DescribeTargetHealth', 'read', () => [], signal),
    routesUsing: (_groups, signal) =>
      process.call(
        'elbv2:DescribeRules',
        'read',
        () =>
          [...balancer.routes.values()].map(({ arn, weights }) => ({
            route: arn,
            name: arn,
            groups: [...weights.keys()],
          })),
        signal,
      ),
    routes: (routes, _managed, signal) =>
      process.call(
        'elbv2:DescribeRules',
        'read',
        () =>
          new Map(
            routes.flatMap((arn) => {
              const view = world.view().route(arn);
              return view === undefined ? [] : [[arn, view] as const];
            }),
          ),
        signal,
      ),
    targets: (group, signal) =>
      process.call('elbv2:DescribeTargetHealth', 'read', () => world.view().targets(group), signal),
    register: (group, targets, signal) =>
      change(
        'elbv2:RegisterTargets',
        JSON.stringify([group, targets]),
        () => balancer.register(group, targets),
        signal,
      ),
    deregister: (group, targets, signal) =>
      change(
        'elbv2:DeregisterTargets',
        JSON.stringify([group, targets]),
        () => balancer.deregister(group, targets),
        signal,
      ),
    setWeights: async (change, signal) => {
      world.watcher?.attempting(process.name, change.route);
      const read = (): ReturnType<typeof balancer.routeView> => balancer.routeView(change.route);
      const before = await process.call('elbv2:DescribeRules', 'read', read, signal);
      world.watcher?.trying(process.name, change.route, JSON.stringify([change.set, change.stickiness]));
      if (
        before.frame !== change.frame ||
        !same(groupsIn(before.weights, change.expected), before.weights, change.expected)
      )
        throw refused('conflict', `${change.route} is not as expected; nothing was written`);
      const { stickiness } = change;
      const done =
        same(groupsIn(change.set), before.weights, change.set) &&
        change.set.every(({ group }) => before.weights.some((each) => each.group === group)) &&
        (stickiness === undefined ||
          (stickiness.enabled === before.stickiness.enabled &&
            (!stickiness.enabled || stickiness.seconds === before.stickiness.seconds)));
      if (done) return before;
      const unfit = change.set.filter(({ weight }) => !isWeight(weight));
      const left = new Map([...before.weights, ...change.set].map(({ group, weight }) => [group, weight]));
      if (unfit.length > 0 || [...left.values()].every((weight) => weight === 0))
        throw refused('invalid', `${change.route}: AWS would not take these weights, or every request would get a 503`);
      if (change.mayWrite?.() === false)
        throw refused('timeout', `${change.route}: it came too late; nothing was written`);
      await process.call(
        'elbv2:ModifyRule',
        'change',
        () => {
          world.acting(process.name);
          if (world.idleUntil < world.timeline.now) balancer.write(change.route, change.set, stickiness);
          else world.counted('F43');
        },
        signal,
      );
      const after = await process.call('elbv2:DescribeRules', 'read', read, signal);
      if (after.frame !== before.frame || !same(groupsIn(change.set), after.weights, change.set))
        throw refused('conflict', `${change.route} was written, and reading it back shows something else`);
      return after;
    },
  };
}

const isWeight = (weight: number): boolean => Number.isInteger(weight) && weight >= 0 && weight <= 999;

const groupsIn = (...lists: readonly (readonly GroupWeight[])[]): readonly string[] => [
  ...new Set(lists.flatMap((list) => list.map(({ group }) => group))),
];

function same(groups: readonly string[], a: readonly GroupWeight[], b: readonly GroupWeight[]): boolean {
  const weight = (list: readonly GroupWeight[], group: string): number =>
    list.find((each) => each.group === group)?.weight ?? 0;
  return groups.every((group) => weight(a, group) === weight(b, group));
}

function hostPort(process: Process): HostPort {
  const { commands } = process.world;
  return {
    send: ({ instance, request, fence, timeout }, signal) =>
      process.call(
        `ssm:SendCommand ${request.phase}`,
        fence === undefined || request.phase === 'inspect' ? 'read' : 'change',
        () => {
          if (process.world.hosts.get(instance)?.alive !== true)
            throw refused('invalid', `${instance} is not in a valid state`);
          return commands.send(instance, request, fence, timeout, process.weather.delivery());
        },
        signal,
      ),
    poll: (sent, signal) =>
      process.call(
        'ssm:GetCommandInvocation',
        'read',
        () => new Map(sent.map(({ id }) => [id, commands.state(id)])),
        signal,
      ),
    sendResolve: () => Promise.reject(refused('invalid', 'the registry of this world has an API')),
    sendAsk: notModelled,
    sendList: notModelled,
    flaw: () => undefined,
  };
}

export function parameterPort(process: Process): ParameterPort {
  const { store } = process.world;
  return {
    create: (name, value, signal) =>
      process.call(
        'ssm:PutParameter',
        'change',
        () => {
          store.create(name, value);
        },
        signal,
      ),
    overwrite: (name, value, signal) =>
      process.call(
        'ssm:PutParameter',
        'change',
        () => {
          store.overwrite(name, value);
        },
        signal,
      ),
    get: (name, signal) => process.call('ssm:GetParameter', 'read', () => process.world.view().parameter(name), signal),
    secret: (name) => Promise.reject(refused('not-found', name)),
    list: (path, signal) =>
      process.call('ssm:GetParametersByPath', 'read', () => process.world.view().parameters(path), signal),
    remove: (names, signal) =>
      process.call(
        'ssm:DeleteParameters',
        'change',
        () => {
          store.remove(names);
        },
        signal,
      ),
  };
}
