import { DeployctlError, EXIT } from '../../domain/errors.js';
import type { InstanceId, TargetGroupArn } from '../../domain/ids.js';
import type { FleetSelector, Layout } from '../../domain/settings.js';
import type { HostPort } from '../../engine/host-port.js';
import type { AccountPort, Clock, FleetPort, RouteFacts, TrafficPort } from '../../engine/ports.js';
import type { Toolbox } from '../toolbox.js';
import { beforeChange } from '../topology.js';
import type { Ask, Draft, DraftService, Seeds } from './draft.js';
import { layoutOf, selectorOf } from './fleet.js';
import type { NamedGroup, Pair } from './pairs.js';
import { inRolloutOrder, nameFrom, pairUp, stemOf, unnamed } from './pairs.js';
import { draftService, whatRuns } from './services.js';

/** What a look at an account needs. Reads only. */
export interface InitTools {
  readonly account: AccountPort;
  readonly traffic: TrafficPort;
  readonly fleet: FleetPort;
  readonly hosts: HostPort;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly emit: Toolbox['emit'];
}

/** Finds out what deployctl.yml has to say, from what is known and from the account. Changes nothing. */
export async function discover(tools: InitTools, region: string, seeds: Seeds, ask: Ask): Promise<Draft> {
  return beforeChange(async () => {
    const all = await tools.account.groups(tools.signal);
    const balancer = await chooseBalancer(tools, seeds, all, ask);
    const routes = (await tools.account.routesOf(balancer.arn, tools.signal)).filter(
      ({ route, listener }) =>
        seeds.routes.length === 0 || seeds.routes.includes(route) || seeds.routes.includes(listener),
    );
    const found = await findFleet(tools, seeds, candidates(seeds, all, routes));
    const app = await nameOf(
      ask,
      'name of the application',
      seeds.app ?? tagIn(found.tags, /^(app|application|project)$/i) ?? balancer.name,
    );
    const environment = await nameOf(
      ask,
      'name of the environment',
      seeds.environment ?? tagIn(found.tags, /^(environment|env|stage)$/i) ?? 'production',
    );
    const used = new Set(routes.flatMap(({ groups }) => groups));
    const pairs = pairUp(candidates(seeds, all, routes), app, used);
    const remarks: string[] = [];
    const running = await whatRuns(tools, found.instances);
    const services: DraftService[] = [];
    for (const pair of pairs) {
      const service = await draftService(tools, {
        pair,
        routes,
        found,
        running,
        seeds,
        ask,
        remarks,
        many: pairs.length > 1,
      });
      if (service !== undefined) services.push(service);
    }
    if (services.length === 0) throw noService(balancer.name);
    const { selector, remark } =
      seeds.tags === undefined
        ? await selectorOf(tools, found.instances, found.tags)
        : { selector: { is: 'tags', tags: seeds.tags } satisfies FleetSelector };
    if (remark !== undefined) remarks.push(remark);
    const green = services.every((service) => service.green !== undefined);
    const strategy = await ask({
      text: 'strategy',
      proposal: green ? 'blue-green' : 'rolling',
      choices: green ? ['blue-green', 'rolling'] : ['rolling'],
    });
    return {
      app,
      region,
      environment,
      fleet: selector,
      layout: layoutFor(pairs, services, found, remarks),
      strategy: strategy === 'blue-green' ? 'blue-green' : 'rolling',
      services: inRolloutOrder(services),
      remarks,
    };
  });
}

/** The instances, and where they are registered. */
export interface Found {
  readonly instances: readonly InstanceId[];
  readonly tags: ReadonlyMap<InstanceId, Readonly<Record<string, string>>>;
  /** Targets by group. */
  readonly targets: ReadonlyMap<TargetGroupArn, readonly { readonly instance: InstanceId; readonly port: number }[]>;
}

async function chooseBalancer(
  tools: InitTools,
  seeds: Seeds,
  groups: Awaited<ReturnType<AccountPort['groups']>>,
  ask: Ask,
): Promise<{ readonly arn: string; readonly name: string }> {
  const all = await tools.account.balancers(tools.signal);
  const ofGroups = groups.find(({ arn }) => seeds.groups.some((seed) => seed.arn === arn))?.loadBalancers[0];
  const named = seeds.loadBalancer ?? all.find(({ arn }) => arn === ofGroups)?.name;
  const names = all.map(({ name }) => name);
  const wanted =
    named ??
    (names.length === 1
      ? names[0]
      : names.length === 0
        ? undefined
        : await ask({ text: 'load balancer', choices: names }));
  const found = all.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const there = names.length === 0 ? 'there is none in this Region' : `there is ${names.join(', ')}`;
  throw new DeployctlError({
    code: 'init.load-balancer',
    message:
      wanted === undefined
        ? `which load balancer is not clear: ${there}`
        : `there is no load balancer ${wanted}; ${there}`,
    exitCode: EXIT.usage,
    next: names.length === 0 ? ['--region REGION'] : names.map((name) => `--load-balancer ${name}`),
  });
}

/** The groups to look at: the given ones, else those that routes forward to, with the partner that has the same name but for its color. */
function candidates(
  seeds: Seeds,
  all: Awaited<ReturnType<AccountPort['groups']>>,
  routes: readonly RouteFacts[],
): readonly NamedGroup[] {
  if (seeds.groups.length > 0) {
    return seeds.groups.flatMap((seed) => {
      const known = all.find(({ arn }) => arn === seed.arn);
      return known === undefined ? [] : [{ ...seed, name: known.name }];
    });
  }
  const used = new Set(routes.flatMap(({ groups }) => groups));
  const stems = new Set(all.filter(({ arn }) => used.has(arn)).map(({ name }) => stemOf(name)));
  return all
    .filter(({ arn, name }) => used.has(arn) || stems.has(stemOf(name)))
    .map(({ arn, name }) => ({ arn, name }));
}

async function findFleet(tools: InitTools, seeds: Seeds, groups: readonly NamedGroup[]): Promise<Found> {
  const targets = new Map<TargetGroupArn, { instance: InstanceId; port: number }[]>();
  for (const { arn } of groups) {
    const keys = [...(await tools.traffic.targets(arn, tools.signal)).keys()];
    targets.set(
      arn,
      keys.map((key) => {
        const [instance, port] = key.split(':');
        return { instance: `i-${(instance ?? '').slice(2)}` as const, port: Number(port) };
      }),
    );
  }
  const named =
    seeds.tags === undefined
      ? []
      : await tools.fleet.instances({ is: 'tags', tags: seeds.tags }, { is: 'ports' }, tools.signal);
  const ids = new Set([
    ...seeds.instances,
    ...named.map(({ id }) => id),
    ...[...targets.values()].flat().map(({ instance }) => instance),
  ]);
  const instances = [...ids].sort();
  if (instances.length === 0) {
    throw new DeployctlError({
      code: 'init.fleet',
      message: `no instance is registered in ${groups.map(({ name }) => name).join(', ') || 'any target group'}, so the fleet is not known`,
      exitCode: EXIT.usage,
      next: ['deployctl init --fleet-tag App=shop --fleet-tag Environment=production   # the tags of your instances'],
    });
  }
  return { instances, tags: await tools.account.instanceTags(instances, tools.signal), targets };
}

/** Both colors on every instance by their ports, or two sets of instances by a tag. */
function layoutFor(pairs: readonly Pair[], services: readonly DraftService[], found: Found, remarks: string[]): Layout {
  const shared = services.filter(({ blue, green }) => blue.port === green?.port);
  if (shared.length === 0) return { is: 'ports' };
  const of = (color: 'blue' | 'green'): readonly InstanceId[] => [
    ...new Set(
      pairs.flatMap((pair) =>
        (found.targets.get(pair[color]?.arn ?? 'arn:none') ?? []).map(({ instance }) => instance),
      ),
    ),
  ];
  const layout = layoutOf(of('blue'), of('green'), found.tags);
  if (layout !== undefined) return layout;
  const names = shared.map(({ name, blue }) => `${name} (${String(blue.port)})`).join(', ');
  remarks.push(
    `both colors of ${names} are on one port: give green another host port, or name the tag of two sets of instances in layout`,
  );
  return { is: 'ports' };
}

function tagIn(tags: Found['tags'], key: RegExp): string | undefined {
  const [first] = tags.values();
  return Object.entries(first ?? {}).find(([name]) => key.test(name))?.[1];
}

async function nameOf(ask: Ask, text: string, proposal: string): Promise<string> {
  const answer = await ask({ text, proposal: nameFrom(proposal) ?? unnamed });
  return nameFrom(answer ?? '') ?? unnamed;
}

function noService(balancer: string): DeployctlError {
  return new DeployctlError({
    code: 'init.services',
    message: `no listener or rule of load balancer ${balancer} forwards to a target group of instances`,
    exitCode: EXIT.usage,
    next: [
      '--load-balancer NAME   # another one',
      'create a listener or rule that forwards to the live target group first',
    ],
  });
}
