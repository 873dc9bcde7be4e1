import type { FleetInstance } from '../domain/observation.js';

/** `shop-1 (i-…)` */
export function nameOf(instance: FleetInstance): string {
  return instance.name === instance.id ? instance.id : `${instance.name} (${instance.id})`;
}
