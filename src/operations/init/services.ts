import { DeployctlError, EXIT } from '../../domain/errors.js';
import type { InstanceId } from '../../domain/ids.js';
import type { RunningContainer } from '../../engine/host-port.js';
import type { RouteFacts } from '../../engine/ports.js';
import { replyOf } from '../reply.js';
import type { Found, InitTools } from './discover.js';
import type { Ask, DraftColor, DraftService, Seeds } from './draft.js';
import type { NamedGroup, Pair } from './pairs.js';
import { nameFrom, unnamed } from './pairs.js';
import { routeNames } from './routes.js';

const listTimes = { poll: 1000, limit: 60_000 };

/** What runs on the instances, by host port. One that cannot be asked tells nothing. */
export async function whatRuns(
  tools: InitTools,
  ids: readonly InstanceId[],
): Promise<ReadonlyMap<number, RunningContainer>> {
  const fleet = await tools.fleet.instances({ is: 'ids', ids }, { is: 'ports' }, tools.signal);
  const online = fleet.filter(({ agent }) => agent === 'online');
  const running = new Map<number, RunningContainer>();
  // Two are enough for ports; two sets of instances are told apart by both ends of the list.
  for (const { id } of [...online.slice(0, 1), ...online.slice(1).slice(-1)]) {
    const command = { id: await tools.hosts.sendList({ instance: id }, tools.signal), instance: id };
    const reply = await replyOf(tools, command, listTimes);
    if (reply?.ok !== true) continue;
    for (const container of reply.running ?? []) for (const { host } of container.ports) running.set(host, container);
  }
  return running;
}

/** One service of the file; undefined when no route forwards to it, which is a remark. */
export async function draftService(
  tools: InitTools,
  from: {
    readonly pair: Pair;
    readonly routes: readonly RouteFacts[];
    readonly found: Found;
    readonly running: ReadonlyMap<number, RunningContainer>;
    readonly seeds: Seeds;
    readonly ask: Ask;
    readonly remarks: string[];
    readonly many: boolean;
  },
): Promise<DraftService | undefined> {
  const { pair, found, running, remarks } = from;
  const { blue, green } = pair;
  const name = nameFrom(pair.service) ?? unnamed;
  if (blue === undefined) return undefined;
  const arns = [blue.arn, ...(green === undefined ? [] : [green.arn])];
  const own = from.routes.filter(({ groups }) => groups.some((group) => arns.includes(group)));
  if (own.length === 0) {
    remarks.push(`${blue.name} is left out: no listener or rule forwards to it`);
    return undefined;
  }
  const facts = await tools.traffic.groups(arns, tools.signal);
  const color = (group: NamedGroup): DraftColor => {
    const [target] = found.targets.get(group.arn) ?? [];
    return { port: target?.port ?? facts.find(({ arn }) => arn === group.arn)?.port ?? 0, group: group.name };
  };
  const [b, g] = [color(blue), green === undefined ? undefined : color(green)];
  const container = running.get(b.port) ?? (g === undefined ? undefined : running.get(g.port));
  const published = container?.ports.find(({ host }) => host === b.port || host === g?.port);
  const repository = await repositoryOf(name, container, from.seeds, from.ask, from.many);
  const containerPort =
    published?.container ??
    Number(await from.ask({ text: `port that ${name} listens on in its container`, proposal: String(b.port) }));
  if (published === undefined)
    remarks.push(`container.port of ${name} is a guess (${String(containerPort)}): no running container tells it`);
  return {
    name,
    repository,
    containerPort,
    healthPath: facts[0]?.healthPath ?? '/',
    blue: b,
    ...(g === undefined ? {} : { green: g }),
    routes: await routeNames(tools, own),
  };
}

async function repositoryOf(
  service: string,
  container: RunningContainer | undefined,
  seeds: Seeds,
  ask: Ask,
  many: boolean,
): Promise<string> {
  const known =
    (Object.hasOwn(seeds.repositories, service) ? seeds.repositories[service] : undefined) ??
    (many ? undefined : seeds.repositories['']) ??
    repositoryIn(container?.image ?? '');
  const wanted = known ?? (await ask({ text: `image repository of ${service}` }));
  if (wanted !== undefined) return wanted;
  throw new DeployctlError({
    code: 'init.image',
    message: `the image repository of ${service} is not known: nothing runs on its port, and no output names it`,
    exitCode: EXIT.usage,
    next: [`--repository ${service}=REPOSITORY`],
  });
}

/** `registry:5000/shop/backend:1.0@sha256:…` → `registry:5000/shop/backend`; undefined for none, and for a bare image id. */
function repositoryIn(image: string): string | undefined {
  const name = image.replace(/@sha256:.*$/, '');
  const repository = name.replace(/:[^/:]*$/, '');
  return /^(|sha256|[0-9a-f]{12,64})$/.test(repository) ? undefined : repository;
}
