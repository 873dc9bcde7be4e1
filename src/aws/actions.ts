import { createHash } from 'node:crypto';
import type { Action, TargetGroupStickinessConfig, TargetGroupTuple } from '@aws-sdk/client-elastic-load-balancing-v2';
import { isArn } from '../domain/ids.js';
import type { TargetGroupArn } from '../domain/ids.js';
import type { GroupWeight, RouteView } from '../domain/observation.js';

/*
 * Action lists of listeners and rules, without I/O. ModifyListener and ModifyRule replace the whole list (ELB API reference), so what we do not
 * manage has to go back exactly as it was read.
 */

export type Stickiness = RouteView['stickiness'];

/** The forward action of a route, or what the route does instead. */
export type Forward =
  | { readonly is: 'forward'; readonly weights: readonly GroupWeight[]; readonly stickiness: Stickiness }
  | { readonly is: 'other'; readonly type: string };

/** At most this many target groups in one action (ELB guide, quotas). */
const maxGroups = 5;
const maxWeight = 999;
/** Longest group stickiness: seven days. */
const maxStickySeconds = 604_800;

export function forwardOf(actions: readonly Action[]): Forward {
  const sorted = inOrder(actions);
  const action = sorted.find((one) => one.Type === 'forward');
  if (action === undefined) {
    return { is: 'other', type: sorted.at(-1)?.Type ?? 'no action' };
  }
  const sticky = action.ForwardConfig?.TargetGroupStickinessConfig;
  return {
    is: 'forward',
    weights: tuplesOf(action).flatMap((tuple) =>
      // AWS reports every weight; the API's default is 1.
      tuple.TargetGroupArn !== undefined && isArn(tuple.TargetGroupArn)
        ? [{ group: tuple.TargetGroupArn, weight: tuple.Weight ?? 1 }]
        : [],
    ),
    stickiness: {
      enabled: sticky?.Enabled === true,
      ...(sticky?.DurationSeconds === undefined ? {} : { seconds: sticky.DurationSeconds }),
    },
  };
}

/**
 * SHA-256 (hex) over what is not ours to change: every action in its order, and which groups the forward has that are not managed. Left out are all
 * weights, the managed groups and the group stickiness, which are compared on their own, and the two ways in which AWS writes one list down (a
 * `TargetGroupArn` beside a single group, the numbers in `Order`).
 */
export function frameOf(actions: readonly Action[], managed: readonly TargetGroupArn[]): string {
  const ours: ReadonlySet<string> = new Set(managed);
  const frame = inOrder(actions).map(({ Order: _order, ...action }) => {
    if (action.Type !== 'forward') {
      return action;
    }
    const { TargetGroupArn: _arn, ForwardConfig: _config, ...rest } = action;
    const { TargetGroups: _groups, TargetGroupStickinessConfig: _sticky, ...config } = action.ForwardConfig ?? {};
    const others = tuplesOf(action)
      .filter((tuple) => !ours.has(tuple.TargetGroupArn ?? ''))
      .map(({ Weight: _weight, ...tuple }) => tuple)
      .sort((a, b) => compare(a.TargetGroupArn ?? '', b.TargetGroupArn ?? ''));
    return { ...rest, ForwardConfig: { ...config, others } };
  });
  return createHash('sha256').update(canonical(frame)).digest('hex');
}

/**
 * The action list to send: weights of `set` written (a group that is missing is appended), stickiness too if asked, the rest as it was read.
 * - A `TargetGroupArn` beside two groups is refused by AWS, so it goes when there is more than one.
 * - The answer never has an OIDC client secret; `UseExistingClientSecret` keeps it, without it the write fails (API, AuthenticateOidcActionConfig).
 *
 * @returns the list, or in words why it may not be written
 */
export function withWeights(
  actions: readonly Action[],
  set: readonly GroupWeight[],
  stickiness?: Stickiness,
): { readonly actions: Action[] } | { readonly refused: string } {
  const wanted = new Map<string, number>(set.map(({ group, weight }) => [group, weight]));
  const bad = set.find(({ weight }) => !Number.isInteger(weight) || weight < 0 || weight > maxWeight);
  if (bad !== undefined) {
    return { refused: `weight ${bad.weight} for ${bad.group}; a weight is a whole number from 0 to ${maxWeight}` };
  }
  const target = actions.find((action) => action.Type === 'forward');
  if (target === undefined) {
    return { refused: 'there is no forward action' };
  }
  const there = tuplesOf(target);
  const groups: TargetGroupTuple[] = [
    ...there.map((tuple) => {
      const weight = wanted.get(tuple.TargetGroupArn ?? '');
      return weight === undefined ? tuple : { ...tuple, Weight: weight };
    }),
    ...set
      .filter(({ group }) => !there.some((tuple) => tuple.TargetGroupArn === group))
      .map(({ group, weight }) => ({ TargetGroupArn: group, Weight: weight })),
  ];
  if (groups.length > maxGroups) {
    return { refused: `the action would have ${groups.length} target groups; AWS allows ${maxGroups}` };
  }
  if (groups.every((group) => (group.Weight ?? 1) === 0)) {
    return { refused: 'all weights would be 0, and every request would get a 503' };
  }
  const sticky = stickinessConfig(target.ForwardConfig?.TargetGroupStickinessConfig, stickiness);
  if (typeof sticky === 'string') {
    return { refused: sticky };
  }
  const written = actions.map((action): Action => {
    if (action.Type === 'authenticate-oidc' && action.AuthenticateOidcConfig !== undefined) {
      const { ClientSecret: _secret, ...config } = action.AuthenticateOidcConfig;
      return { ...action, AuthenticateOidcConfig: { ...config, UseExistingClientSecret: true } };
    }
    if (action !== target) {
      return action;
    }
    const { TargetGroupArn: single, ...rest } = action;
    return {
      ...rest,
      ...(single !== undefined && groups.length === 1 ? { TargetGroupArn: single } : {}),
      ForwardConfig: {
        ...action.ForwardConfig,
        TargetGroups: groups,
        ...(sticky === undefined ? {} : { TargetGroupStickinessConfig: sticky }),
      },
    };
  });
  return { actions: written };
}

/** Whether these weights hold. A group that is missing counts as 0, on either side. */
export function sameWeights(
  groups: readonly TargetGroupArn[],
  a: readonly GroupWeight[],
  b: readonly GroupWeight[],
): boolean {
  return groups.every((group) => weightIn(a, group) === weightIn(b, group));
}

/** Whether stickiness is as asked; how long it lasts matters only while it is on. */
export function sameStickiness(is: Stickiness, asked: Stickiness | undefined): boolean {
  if (asked === undefined) {
    return true;
  }
  return (
    is.enabled === asked.enabled && (!asked.enabled || asked.seconds === undefined || is.seconds === asked.seconds)
  );
}

export function weightIn(weights: readonly GroupWeight[], group: TargetGroupArn): number {
  return weights.find((one) => one.group === group)?.weight ?? 0;
}

/** Lists a forward for people: `blue 100, green 0`. */
export function describeWeights(weights: readonly GroupWeight[], groups: readonly TargetGroupArn[]): string {
  return groups.map((group) => `${groupLabel(group)} ${weightIn(weights, group)}`).join(', ');
}

/** `arn:…:targetgroup/shop-blue/0123` → `shop-blue`. */
export function groupLabel(group: string): string {
  return /:targetgroup\/([^/]+)\//.exec(group)?.[1] ?? group;
}

function tuplesOf(action: Action): readonly TargetGroupTuple[] {
  const listed = action.ForwardConfig?.TargetGroups;
  if (listed !== undefined && listed.length > 0) {
    return listed;
  }
  return action.TargetGroupArn === undefined ? [] : [{ TargetGroupArn: action.TargetGroupArn, Weight: 1 }];
}

function inOrder(actions: readonly Action[]): readonly Action[] {
  return [...actions].sort((a, b) => (a.Order ?? 0) - (b.Order ?? 0));
}

/** undefined: nothing there and nothing asked; a string: why it may not be. */
function stickinessConfig(
  is: TargetGroupStickinessConfig | undefined,
  asked: Stickiness | undefined,
): TargetGroupStickinessConfig | string | undefined {
  if (asked === undefined) {
    return is;
  }
  const seconds = asked.seconds ?? is?.DurationSeconds;
  if (asked.enabled && (seconds === undefined || seconds < 1 || seconds > maxStickySeconds)) {
    return `stickiness of ${seconds ?? 'no'} seconds; AWS wants 1 to ${maxStickySeconds}`;
  }
  return { ...is, Enabled: asked.enabled, ...(seconds === undefined ? {} : { DurationSeconds: seconds }) };
}

/** JSON with sorted keys and without undefined, so that equal values have equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => compare(a, b))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
