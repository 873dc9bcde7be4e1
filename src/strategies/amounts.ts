import type { Amount } from '../domain/settings.js';

/**
 * A count or percentage of `total`, at least 1. Percentages round down.
 * 25 % of 10 → 2 · 10 % of 4 → 1 · 3 of 2 → 2
 */
export function atMost(amount: Amount, total: number): number {
  const wanted = amount.is === 'count' ? amount.value : Math.floor((total * amount.value) / 100);
  return Math.max(1, Math.min(wanted, total));
}

/**
 * How many healthy targets of a service must remain: `minimum-healthy`, else the fleet minus max parallel, at least half
 * rounded up. 4 instances, 1 at a time → 3 · 4, 50 % → 2 · 3, 2 at a time → 2 · 1 → 1 · 1, downtime allowed → 0
 */
export function minimumHealthyOf(
  fleet: number,
  how: { readonly maxParallel: Amount; readonly minimumHealthy?: Amount; readonly allowDowntime: boolean },
): number {
  if (how.allowDowntime && fleet <= 1) return 0;
  if (how.minimumHealthy !== undefined) {
    return how.minimumHealthy.is === 'count'
      ? Math.min(how.minimumHealthy.value, fleet)
      : Math.ceil((fleet * how.minimumHealthy.value) / 100);
  }
  return Math.max(fleet - atMost(how.maxParallel, fleet), Math.ceil(fleet / 2));
}

/** Splits a pair's total weight: the idle color gets `percent`, never nothing when it should get some, never all before 100. */
export function splitWeight(total: number, percent: number): { readonly live: number; readonly idle: number } {
  if (percent >= 100) return { live: 0, idle: total };
  if (percent <= 0) return { live: total, idle: 0 };
  // Too little to split: all or nothing.
  if (total < 2) return { live: total, idle: 0 };
  const idle = Math.min(Math.max(Math.round((total * percent) / 100), 1), total - 1);
  return { live: total - idle, idle };
}

/** ELBv2 takes weights from 0 to this (API reference, TargetGroupTuple). */
export const MAX_WEIGHT = 999;

/**
 * By how much the numbers of a route grow so that a pair which shares `base` can carry the steps of a shift: enough for whole percents where that fits.
 * base 1 beside a weight of 1 → 100 · base 100 → 1 · base 1 beside 500 → 1 · no step below 100 % → 1
 * @param largest the largest weight of the route
 */
export function stepScale(steps: readonly number[], base: number, largest: number): number {
  if (base <= 0 || !steps.some((step) => step < 100)) return 1;
  const wanted = Math.ceil(100 / base);
  return Math.max(1, Math.min(wanted, Math.floor(MAX_WEIGHT / Math.max(largest, 1))));
}

/**
 * Orders so that zones alternate: the first of each zone, then the second of each, …
 * a1 a2 a3 b1 b2 → a1 b1 a2 b2 a3
 */
export function alternateZones<T extends { readonly zone: string; readonly id: string }>(
  items: readonly T[],
): readonly T[] {
  const rank = new Map<T, number>();
  const perZone = new Map<string, number>();
  const sorted = [...items].sort((a, b) => compare(a.zone, b.zone) || compare(a.id, b.id));
  for (const item of sorted) {
    const next = perZone.get(item.zone) ?? 0;
    rank.set(item, next);
    perZone.set(item.zone, next + 1);
  }
  return sorted.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0) || compare(a.zone, b.zone));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
