import type { PortError } from '../domain/errors.js';
import type { RouteArn } from '../domain/ids.js';
import type { RouteName } from '../domain/settings.js';
import { forwardOf } from './actions.js';
import type { Calls } from './calls.js';
import { isNotFound, listed, portError } from './errors.js';
import { describeGroups } from './groups.js';
import { routeKind, ruleLabel, ruleMatches } from './names.js';
import { eachOf } from './parallel.js';
import type { KnownListener, RouteReader } from './routes.js';
import type { Way } from './stand-in.js';

const operation = 'elbv2:DescribeRules';
type Match = Extract<RouteName, { is: 'match' }>;
interface Candidate {
  readonly route: RouteArn;
  readonly label: string;
  readonly fits: boolean;
}

/**
 * The listener or rule that a configuration means. Without path and host it is a listener's default action, else the rule that asks for exactly this
 * path pattern and host. Without a port, the one listener of the load balancer that fits: whose default action, or whose matching rule,
 * forwards to target groups (a listener that only redirects to HTTPS does not fit).
 * Rejects with `not-found`, or with `invalid` when several fit; both list what is there.
 */
export async function resolveRoute(
  calls: Calls,
  reader: RouteReader,
  name: RouteName,
  signal?: AbortSignal,
): Promise<RouteArn> {
  if (name.is === 'arn') {
    if (routeKind(name.arn) === undefined) {
      throw portError('invalid', operation, `${name.arn} is not the ARN of a listener or of a listener rule`);
    }
    return name.arn;
  }
  const balancer = await balancerArn(calls, name.loadBalancer, signal);
  const all = await reader.listenersOf(balancer, signal);
  const listeners = all.filter((listener) => name.port === undefined || listener.port === name.port);
  if (listeners.length === 0) {
    const there = all.map((listener) => listener.label).join(', ');
    throw portError(
      'not-found',
      operation,
      `${describe(name)}: there is no such listener; there is ${there || 'none'}`,
    );
  }
  const candidates =
    name.path === undefined && name.host === undefined
      ? listeners.map((listener) => byDefault(listener, name))
      : await byRules(reader, listeners, name, signal);
  const fitting = candidates.filter(({ fits }) => fits);
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) {
    return only.route;
  }
  if (fitting.length > 1) {
    const which = fitting.map(({ label, route }) => `${label} (${route})`).join(', ');
    throw portError(
      'invalid',
      operation,
      `${describe(name)}: several routes fit: ${which}; give the port, or the ARN of one`,
    );
  }
  const there = candidates.map(({ label }) => label).join(', ');
  throw portError('not-found', operation, `${describe(name)}: no route fits; there is ${there || 'no rule'}`);
}

/** With a port the answer is settled; what the listener does is for whoever reads it to judge. */
function byDefault(listener: KnownListener, name: Match): Candidate {
  const forward = forwardOf(listener.actions);
  const label = forward.is === 'forward' ? `${listener.label} default` : `${listener.label} default (${forward.type})`;
  return { route: listener.arn, label, fits: name.port !== undefined || forward.is === 'forward' };
}

async function byRules(
  reader: RouteReader,
  listeners: readonly KnownListener[],
  name: Match,
  signal: AbortSignal | undefined,
): Promise<readonly Candidate[]> {
  const perListener = await eachOf(listeners, 4, async (listener) => {
    const rules = await reader.rulesOf(listener.arn, signal);
    return rules.map(({ arn, rule }): Candidate => {
      const forward = forwardOf(rule.Actions ?? []);
      const label = ruleLabel(listener.label, rule);
      return {
        route: arn,
        label: forward.is === 'forward' ? label : `${label} (${forward.type})`,
        fits: ruleMatches(rule, name.path, name.host) && (name.port !== undefined || forward.is === 'forward'),
      };
    });
  });
  return perListener.flat();
}

/** The target groups of a load balancer name it, too: as long as one is attached. */
async function balancerArn(calls: Calls, name: string, signal: AbortSignal | undefined): Promise<string> {
  const direct: Way<string> = {
    operation: 'elbv2:DescribeLoadBalancers',
    ask: (stop, repeats) => describeBalancer(calls, name, stop, repeats),
  };
  const byGroups: typeof direct = {
    operation: 'elbv2:DescribeTargetGroups',
    ask: async (stop) => {
      const groups = await describeGroups(calls, {}, stop);
      const arns = groups.flatMap(({ LoadBalancerArns: some }) => some ?? []);
      const arn = arns.find((each) => /:loadbalancer\/app\/([^/]+)\//.exec(each)?.[1] === name);
      if (arn !== undefined) return arn;
      throw portError('server', 'elbv2:DescribeTargetGroups', `no target group is attached to ${name}`);
    },
  };
  return calls.standIn(direct, byGroups, signal);
}

async function describeBalancer(
  calls: Calls,
  name: string,
  signal: AbortSignal,
  repeats?: (error: PortError) => void,
): Promise<string> {
  const answer = await calls
    .elbv2({ operation: 'DescribeLoadBalancers', use: 'read', signal, repeats }, (sdk, client, options) =>
      client.send(new sdk.DescribeLoadBalancersCommand({ Names: [name] }), options),
    )
    .catch((error: unknown) => {
      throw isNotFound(error) ? noBalancer(name, error) : error;
    });
  const balancers = listed('elbv2:DescribeLoadBalancers', 'LoadBalancers', answer.LoadBalancers);
  const arn = balancers[0]?.LoadBalancerArn;
  if (arn === undefined) {
    throw noBalancer(name);
  }
  return arn;
}

function noBalancer(name: string, cause?: unknown): Error {
  return portError('not-found', 'elbv2:DescribeLoadBalancers', `there is no load balancer ${name} in this region`, {
    serviceCode: 'LoadBalancerNotFound',
    cause,
  });
}

/** `shop port 443 path /api/*`. */
function describe({ loadBalancer, port, path, host }: Match): string {
  return [
    `load balancer ${loadBalancer}`,
    ...(port === undefined ? [] : [`port ${port}`]),
    ...(host === undefined ? [] : [`host ${host}`]),
    ...(path === undefined ? [] : [`path ${path}`]),
  ].join(' ');
}
