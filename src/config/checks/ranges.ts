import type { Problem } from '../problems.js';
import type { Config } from '../schema/index.js';
import { formatDuration } from '../units.js';
import { placedServices } from '../merge.js';

/** A change is sent only while the lease outlasts the longest wait for its answer, 10 s: a shorter lease would let none be sent. */
const longestChange = 10_000;

/** Times that contradict each other, and strategies that lack what they need. */
export function rangeProblems(config: Config): Problem[] {
  return Object.entries(config.environments).flatMap(([name, environment]) => {
    const base = ['environments', name] as const;
    const problems: Problem[] = [];
    const { timing, lease, strategy, layout } = environment;
    if (lease.heartbeat * 2 >= lease.ttl) {
      problems.push({
        path: [...base, 'lease'],
        message: `heartbeat ${formatDuration(lease.heartbeat)} is not less than half of ttl ${formatDuration(lease.ttl)}: one lost heartbeat would lose the lease; raise ttl or lower heartbeat`,
      });
    }
    if (lease.ttl <= lease.heartbeat + longestChange) {
      problems.push({
        path: [...base, 'lease'],
        message: `ttl ${formatDuration(lease.ttl)} is not more than heartbeat ${formatDuration(lease.heartbeat)} and the ${formatDuration(longestChange)} that an AWS call may take: no change could be sent under it; raise ttl`,
      });
    }
    const watched = strategy === 'blue-green' ? timing.bake * environment.steps.length : timing.bake;
    if (watched >= timing.deadline) {
      problems.push({
        path: [...base, 'timing'],
        message: `the bakes alone take ${formatDuration(watched)}, but the deadline is ${formatDuration(timing.deadline)}; raise deadline or lower bake`,
      });
    }
    if (layout !== 'ports' && layout.blue === layout.green) {
      problems.push({
        path: [...base, 'layout'],
        message: `blue and green are both ${JSON.stringify(layout.blue)}; each color needs its own value of ${layout.tag}`,
      });
    }
    for (const { name: service, service: merged, placement } of placedServices(config, name)) {
      const at = [...base, 'services', service] as const;
      if (strategy === 'blue-green' && placement.green === undefined) {
        problems.push({
          path: at,
          message:
            'no green, which strategy blue-green needs; add green: { port, target-group }, or write strategy: rolling',
        });
      }
      // One command on the instance stops the old container, starts the new one and waits for its health.
      const longest = merged['stop-timeout'] + merged.health['start-timeout'];
      if (longest >= timing['host-command']) {
        problems.push({
          path: at,
          message: `stop-timeout ${formatDuration(merged['stop-timeout'])} and health.start-timeout ${formatDuration(merged.health['start-timeout'])} do not fit into timing.host-command ${formatDuration(timing['host-command'])}; raise host-command`,
        });
      }
    }
    return problems;
  });
}
