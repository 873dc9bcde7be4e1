import type { TrafficPort } from '../engine/ports.js';
import type { Calls } from './calls.js';
import { createGroups } from './groups.js';
import { resolveRoute } from './resolve-route.js';
import { createRouteReader } from './routes.js';
import { setWeights } from './weights.js';

/** Target groups, listeners and rules of Elastic Load Balancing v2. */
export function createTraffic(calls: Calls): TrafficPort {
  const reader = createRouteReader(calls);
  return {
    ...createGroups(calls),
    resolveRoute: (name, signal) => resolveRoute(calls, reader, name, signal),
    routes: (routes, managed, signal) => reader.routes(routes, managed, signal),
    routesUsing: (groups, signal) => reader.routesUsing(groups, signal),
    setWeights: (change, signal) => setWeights(calls, reader, change, signal),
  };
}
