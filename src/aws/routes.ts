import type { Action, Listener, Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Arn, RouteArn, TargetGroupArn } from '../domain/ids.js';
import { isArn } from '../domain/ids.js';
import type { RouteView } from '../domain/observation.js';
import type { RouteUse, TrafficPort } from '../engine/ports.js';
import { forwardOf, frameOf } from './actions.js';
import type { Calls } from './calls.js';
import { allPages, chunks } from './calls.js';
import { isNotFound, listed, portError } from './errors.js';
import { describeKnown } from './groups.js';
import { listenerLabel, listenerOfRule, routeKind, ruleLabel } from './names.js';
import { eachOf } from './parallel.js';

const describeListeners = 'elbv2:DescribeListeners';
const describeRules = 'elbv2:DescribeRules';
const arnsPerCall = 20;
/** Listeners whose rules are read side by side. */
const width = 4;

/** A route as the load balancer has it. */
export interface RawRoute {
  readonly route: RouteArn;
  readonly name: string;
  readonly actions: readonly Action[];
}

export type RoutesPart = Pick<TrafficPort, 'routes' | 'routesUsing'>;

/** Reads listeners and rules. Remembers the labels of listeners (`HTTP:80`), which a rule's answer does not have. */
export interface RouteReader extends RoutesPart {
  /** Exactly these routes, read now. Rejects with `not-found` naming those that are gone. */
  read(routes: readonly RouteArn[], signal?: AbortSignal): Promise<ReadonlyMap<RouteArn, RawRoute>>;
  /** All listeners of a load balancer. */
  listenersOf(loadBalancer: string, signal?: AbortSignal): Promise<readonly KnownListener[]>;
  /** Rules of a listener, without its default. */
  rulesOf(listener: Arn, signal?: AbortSignal): Promise<readonly KnownRule[]>;
}

export interface KnownListener {
  readonly arn: Arn;
  readonly label: string;
  readonly port: number | undefined;
  readonly actions: readonly Action[];
}
export interface KnownRule {
  readonly arn: Arn;
  readonly rule: Rule;
}

export function createRouteReader(calls: Calls): RouteReader {
  const labels = new Map<string, string>();

  const listeners = async (
    which: { readonly ListenerArns?: string[]; readonly LoadBalancerArn?: string },
    signal: AbortSignal | undefined,
  ): Promise<readonly KnownListener[]> => {
    const found = await allPages(describeListeners, (token) =>
      calls.elbv2({ operation: 'DescribeListeners', use: 'read', signal }, async (sdk, client, options) => {
        const answer = await client.send(new sdk.DescribeListenersCommand({ ...which, Marker: token }), options);
        return { items: listed(describeListeners, 'Listeners', answer.Listeners), next: answer.NextMarker };
      }),
    );
    const known = found.flatMap(knownListener);
    for (const { arn, label } of known) {
      labels.set(arn, label);
    }
    return known;
  };

  const rules = async (
    which: { readonly RuleArns?: string[]; readonly ListenerArn?: string },
    signal: AbortSignal | undefined,
  ): Promise<readonly KnownRule[]> => {
    const found = await allPages(describeRules, (token) =>
      calls.elbv2({ operation: 'DescribeRules', use: 'read', signal }, async (sdk, client, options) => {
        const answer = await client.send(new sdk.DescribeRulesCommand({ ...which, Marker: token }), options);
        return { items: listed(describeRules, 'Rules', answer.Rules), next: answer.NextMarker };
      }),
    );
    return found.flatMap((rule) =>
      rule.RuleArn !== undefined && isArn(rule.RuleArn) ? [{ arn: rule.RuleArn, rule }] : [],
    );
  };

  const read: RouteReader['read'] = async (routes, signal) => {
    const unfit = routes.find((route) => routeKind(route) === undefined);
    if (unfit !== undefined) {
      throw portError('invalid', describeRules, `${unfit} is not the ARN of a listener or of a listener rule`);
    }
    const wantedListeners = unique(routes.filter((route) => routeKind(route) === 'listener'));
    const wantedRules = unique(routes.filter((route) => routeKind(route) === 'rule'));
    const unlabelled = unique(wantedRules.map(listenerOfRule)).filter(
      (arn): arn is Arn => arn !== undefined && !labels.has(arn) && !wantedListeners.includes(arn),
    );
    const [foundListeners, foundRules] = await Promise.all([
      Promise.all(
        chunks([...wantedListeners, ...unlabelled], arnsPerCall).map((part) =>
          listeners({ ListenerArns: [...part] }, signal).catch(naming(part)),
        ),
      ),
      Promise.all(
        chunks(wantedRules, arnsPerCall).map((part) => rules({ RuleArns: [...part] }, signal).catch(naming(part))),
      ),
    ]);
    const result = new Map<RouteArn, RawRoute>();
    for (const listener of foundListeners.flat()) {
      if (wantedListeners.includes(listener.arn)) {
        result.set(listener.arn, { route: listener.arn, name: `${listener.label} default`, actions: listener.actions });
      }
    }
    for (const { arn, rule } of foundRules.flat().filter((one) => wantedRules.includes(one.arn))) {
      const label = labels.get(listenerOfRule(arn) ?? '') ?? '?';
      result.set(arn, { route: arn, name: ruleLabel(label, rule), actions: rule.Actions ?? [] });
    }
    const missing = routes.filter((route) => !result.has(route));
    if (missing.length > 0) {
      throw portError('not-found', describeRules, `there is no listener or rule ${missing.join(', ')}`);
    }
    return result;
  };

  const listenersOf: RouteReader['listenersOf'] = (loadBalancer, signal) =>
    listeners({ LoadBalancerArn: loadBalancer }, signal);
  const rulesOf: RouteReader['rulesOf'] = async (listener, signal) => {
    const all = await rules({ ListenerArn: listener }, signal);
    return all.filter(({ rule }) => rule.IsDefault !== true);
  };

  return {
    read,
    listenersOf,
    rulesOf,

    async routes(routes, managed, signal) {
      const found = await read(routes, signal);
      return new Map([...found].map(([arn, raw]) => [arn, viewOf(raw, managed)]));
    },

    async routesUsing(groups, signal) {
      const known = await Promise.all(chunks(groups, arnsPerCall).map((part) => describeKnown(calls, part, signal)));
      const balancers = unique(known.flat().flatMap((group) => group.LoadBalancerArns ?? []));
      const perBalancer = await eachOf(balancers, width, (balancer) => listenersOf(balancer, signal));
      const uses = await eachOf(perBalancer.flat(), width, async (listener): Promise<RouteUse[]> => [
        useOf(listener.arn, `${listener.label} default`, listener.actions),
        ...(await rulesOf(listener.arn, signal)).map(({ arn, rule }) =>
          useOf(arn, ruleLabel(listener.label, rule), rule.Actions ?? []),
        ),
      ]);
      return uses.flat().filter((use) => use.groups.some((group) => groups.includes(group)));
    },
  };
}

/** Rejects with `invalid` when the route forwards to nothing. */
export function viewOf(raw: RawRoute, managed: readonly TargetGroupArn[]): RouteView {
  const forward = forwardOf(raw.actions);
  if (forward.is === 'other') {
    throw portError(
      'invalid',
      routeKind(raw.route) === 'listener' ? describeListeners : describeRules,
      `${raw.name} (${raw.route}) forwards to nothing: ${forward.type}; name a listener or rule that forwards to the service's target groups`,
    );
  }
  return {
    route: raw.route,
    name: raw.name,
    weights: forward.weights,
    stickiness: forward.stickiness,
    frame: frameOf(raw.actions, managed),
  };
}

function useOf(route: RouteArn, name: string, actions: readonly Action[]): RouteUse {
  const forward = forwardOf(actions);
  return { route, name, groups: forward.is === 'forward' ? forward.weights.map(({ group }) => group) : [] };
}

function knownListener(listener: Listener): readonly KnownListener[] {
  const arn = listener.ListenerArn;
  if (arn === undefined || !isArn(arn)) {
    return [];
  }
  return [{ arn, label: listenerLabel(listener), port: listener.Port, actions: listener.DefaultActions ?? [] }];
}

const unique = <T>(items: readonly T[]): T[] => [...new Set(items)];

/** The service says "one or more … not found"; this says of which. */
function naming(arns: readonly string[]): (error: unknown) => never {
  return (error) => {
    throw isNotFound(error)
      ? portError('not-found', describeRules, `there is no listener or rule ${arns.join(' or ')}`, { cause: error })
      : error;
  };
}
