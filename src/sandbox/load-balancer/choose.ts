import type { GroupView, TargetView } from './views.js';

/** Smooth weighted round robin: spreads each share evenly, so that low counts come out as the weights say. */
export class WeightedRotation {
  readonly #entries: { readonly arn: string; readonly weight: number; current: number }[];
  readonly #total: number;

  constructor(groups: readonly { readonly arn: string; readonly weight: number }[]) {
    this.#entries = groups.filter((group) => group.weight > 0).map((group) => ({ ...group, current: 0 }));
    this.#total = this.#entries.reduce((sum, entry) => sum + entry.weight, 0);
  }

  /** The next group, or undefined when no group has a weight. */
  next(): string | undefined {
    let best = this.#entries[0];
    if (best === undefined || this.#entries.length === 1) {
      return best?.arn;
    }
    for (const entry of this.#entries) {
      entry.current += entry.weight;
      if (entry.current > best.current) {
        best = entry;
      }
    }
    best.current -= this.#total;
    return best.arn;
  }
}

/**
 * The targets that may get a request: the healthy ones, or, when fewer are healthy than the group demands (default: when
 * none is), all registered ones ("fail open"). Draining targets and those of stopped instances never.
 * Source: ALB guide, health checks for target groups; target group health, unhealthy state routing; cross-zone.
 * @param zone the node's zone; counts only when the group has cross-zone balancing off
 */
export function routable(group: GroupView, zone: string, isHealthy: (target: TargetView) => boolean): TargetView[] {
  const crossZone = group.attributes.get('load_balancing.cross_zone.enabled') !== 'false';
  const registered = group.targets.filter(
    (target) => !target.registration.draining && target.running && (crossZone || target.zone === zone),
  );
  const healthy = registered.filter(isHealthy);
  return healthy.length >= leastHealthy(group, registered.length) ? healthy : registered;
}

function leastHealthy(group: GroupView, registered: number): number {
  const prefix = 'target_group_health.unhealthy_state_routing.minimum_healthy_targets';
  const count = Number(group.attributes.get(`${prefix}.count`) ?? '1');
  const percentage = group.attributes.get(`${prefix}.percentage`) ?? 'off';
  const share = percentage === 'off' ? 0 : Math.ceil((registered * Number(percentage)) / 100);
  return Math.max(1, count, share);
}
