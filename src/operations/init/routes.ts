import { PortError } from '../../domain/errors.js';
import type { RouteName } from '../../domain/settings.js';
import type { RouteFacts } from '../../engine/ports.js';
import type { InitTools } from './discover.js';

/** How the configuration names these routes: by what they match where that means exactly the route, else by ARN. */
export async function routeNames(tools: InitTools, routes: readonly RouteFacts[]): Promise<readonly RouteName[]> {
  const names: RouteName[] = [];
  for (const route of routes) names.push((await matching(tools, route)) ?? { is: 'arn', arn: route.route });
  return names;
}

async function matching(tools: InitTools, route: RouteFacts): Promise<RouteName | undefined> {
  const { loadBalancer, port, paths, hosts, others, listener } = route;
  const isDefault = route.route === listener;
  // A rule by priority alone, or one that asks for more, has no short name.
  if (loadBalancer === '' || others || (!isDefault && paths.length + hosts.length === 0)) return undefined;
  const path = paths.find((one) => one.endsWith('*')) ?? paths[0];
  const [host] = hosts;
  const short: RouteName = {
    is: 'match',
    loadBalancer,
    ...(path === undefined ? {} : { path }),
    ...(host === undefined ? {} : { host }),
  };
  const candidates: RouteName[] = [short, ...(port === undefined ? [] : [{ ...short, port }])];
  for (const name of candidates) if ((await resolved(tools, name)) === route.route) return name;
  return undefined;
}

async function resolved(tools: InitTools, name: RouteName): Promise<string | undefined> {
  try {
    return await tools.traffic.resolveRoute(name, tools.signal);
  } catch (error) {
    // Several fit, or none: this name does not mean the route.
    if (error instanceof PortError && (error.kind === 'invalid' || error.kind === 'not-found')) return undefined;
    throw error;
  }
}
