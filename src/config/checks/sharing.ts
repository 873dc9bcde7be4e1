import type { Path, Problem } from '../problems.js';
import { pathText } from '../problems.js';
import { placedServices } from '../merge.js';
import type { Environment } from '../schema/environment.js';
import type { Config } from '../schema/index.js';
import { GROUP_ARN } from '../schema/service.js';

/** Something that only one color of one service may have. */
interface Use {
  readonly path: Path;
  readonly environment: string;
  readonly service: string;
}

interface PortUse extends Use {
  readonly port: number;
  readonly color: 'blue' | 'green';
}

/** Target groups, routes and host ports that two owners would write. */
export function sharingProblems(config: Config, line: (path: Path) => number): Problem[] {
  const groups: (Use & { key: string })[] = [];
  const routes: (Use & { key: string })[] = [];
  const ports: PortUse[] = [];
  const problems: Problem[] = [];
  for (const environment of Object.keys(config.environments)) {
    for (const { name: service, placement } of placedServices(config, environment)) {
      const base = ['environments', environment, 'services', service] as const;
      const use = { environment, service };
      for (const color of ['blue', 'green'] as const) {
        const settings = placement[color];
        if (settings === undefined) continue;
        const group = settings['target-group'];
        groups.push({ ...use, path: [...base, color, 'target-group'], key: groupName(group) });
        ports.push({ ...use, path: [...base, color, 'port'], port: settings.port, color });
        problems.push(...regionOfArn(config.region, group, [...base, color, 'target-group']));
      }
      placement.routes.forEach((route, index) => {
        const path = [...base, 'routes', index];
        routes.push({ ...use, path, key: routeKey(route) });
        if (typeof route === 'string') problems.push(...regionOfArn(config.region, route, path));
      });
    }
  }
  const also = (first: Use): string => `${pathText(first.path)} (line ${line(first.path)})`;
  const twice = <T extends Use>(
    uses: readonly T[],
    same: (a: T, b: T) => boolean,
    say: (use: T, first: T) => string,
  ): void => {
    uses.forEach((use, index) => {
      const first = uses.slice(0, index).find((other) => same(other, use));
      if (first !== undefined) problems.push({ path: use.path, message: say(use, first) });
    });
  };
  const sameKey = (a: { key: string }, b: { key: string }): boolean => a.key === b.key;
  twice(
    groups,
    sameKey,
    (use, first) => `${use.key} is also the target group of ${also(first)}; each color needs its own`,
  );
  twice(routes, sameKey, (use, first) => `${use.key} is also the route of ${also(first)}; a route has one owner`);
  twice(
    ports,
    (a, b) => a.port === b.port && meetOnAnInstance(config, a, b),
    (use, first) => `port ${use.port} is also the port of ${also(first)} on the same instances; each needs its own`,
  );
  return problems;
}

/** Groups are told apart by name: an ARN and the name within it are the same group. */
function groupName(text: string): string {
  return GROUP_ARN.exec(text)?.[1] ?? text;
}

function routeKey(
  route:
    | string
    | { 'load-balancer': string; port?: number | undefined; path?: string | undefined; host?: string | undefined },
): string {
  if (typeof route === 'string') return route;
  const port = route.port === undefined ? '' : `:${route.port}`;
  return `${route['load-balancer']}${port} ${route.host ?? ''}${route.path ?? (route.host === undefined ? 'default action' : '')}`;
}

function regionOfArn(region: string, text: string, path: Path): Problem[] {
  const seen = text.split(':')[3];
  if (!text.startsWith('arn:') || seen === undefined || seen === region) return [];
  return [{ path, message: `the ARN is of Region ${seen}, but region is ${region}` }];
}

function meetOnAnInstance(config: Config, a: PortUse, b: PortUse): boolean {
  const [left, right] = [config.environments[a.environment], config.environments[b.environment]];
  if (left === undefined || right === undefined) return false;
  if (!sameFleet(left.fleet, right.fleet)) return false;
  const [one, other] = [left.layout, right.layout];
  if (one === 'ports' || other === 'ports' || one.tag !== other.tag) return true;
  return one[a.color] === other[b.color];
}

/** Equal tags, or an instance in both. Different tags may still select the same instance: the claims in Parameter Store catch that. */
function sameFleet(a: Environment['fleet'], b: Environment['fleet']): boolean {
  if (a.tags !== undefined && b.tags !== undefined) return canonical(a.tags) === canonical(b.tags);
  return a.instances?.some((id) => b.instances?.includes(id)) ?? false;
}

function canonical(tags: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(tags).sort(([x], [y]) => (x < y ? -1 : 1)));
}
