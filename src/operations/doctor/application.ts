import type { Ms } from '../../domain/ids.js';
import type { HostReply } from '../../engine/host-port.js';
import { nameOf } from '../instance-name.js';
import { seconds } from '../preflight.js';
import { membersOf, occupantIn } from '../present.js';
import { replyOf } from '../reply.js';
import { configuredPlan, judgeRequests } from '../requests.js';
import type { Toolbox } from '../toolbox.js';
import type { PlacedService } from '../topology.js';
import type { Check } from './check.js';
import { ofFinding, ok, skip, warn } from './check.js';
import type { Evidence } from './evidence.js';

/** 128 + SIGKILL: what a container ends with that did not end by itself. */
const killed = 137;

/** How the application itself behaves: what it says of its connections, and how its containers ended. */
export async function applicationChecks(box: Toolbox, evidence: Evidence): Promise<readonly Check[]> {
  const checks: Check[] = [...evidence.trouble.release, ...sendable(box, evidence)];
  for (const service of evidence.topology.services) {
    checks.push(...endings(evidence, service), ...(await connections(box, evidence, service)));
  }
  return checks;
}

/** Whether the instances can be told to start the services as they are configured. */
function sendable(box: Toolbox, { model, topology }: Evidence): readonly Check[] {
  const found = judgeRequests(box, configuredPlan(model.plan, topology)).map(ofFinding);
  return found.length > 0 ? found : [ok('the commands that start the services as they are configured can be sent')];
}

/** Containers that are kept stopped tell how their image ends. */
function endings({ seen }: Evidence, service: PlacedService): readonly Check[] {
  const { name, run } = service.settings;
  const kept = seen.fleet.flatMap((instance) =>
    (seen.containers.get(instance.id) ?? [])
      .filter((container) => !container.running && container.ours?.service === name)
      .map((container) => ({ instance, container })),
  );
  if (kept.length === 0) return [skip(`${name}: whether it ends at SIGTERM shows once a container was stopped`)];
  const worst = new Map<string, Check>();
  for (const { instance, container } of kept) {
    const what = `${name} ${container.ours?.release ?? ''} (${container.name} on ${nameOf(instance)})`;
    if (container.oomKilled) {
      worst.set(
        `memory ${container.ours?.release ?? ''}`,
        warn(`${what} was killed because it ran out of memory`, 'raise its memory limit, or look for a leak'),
      );
    } else if (container.exitCode === killed) {
      worst.set(
        `kill ${container.ours?.release ?? ''}`,
        warn(
          `${what} ended by SIGKILL (exit code ${String(killed)}): it does not end at SIGTERM within stop-timeout (${seconds(run.stopTimeout)})`,
          'handle SIGTERM: finish the requests, then exit; a shell as PID 1 must exec the server (or use docker run --init)',
        ),
      );
    }
  }
  return worst.size === 0 ? [ok(`${name}: its stopped containers ended at SIGTERM`)] : [...worst.values()];
}

/** The load balancer reuses idle connections: one that the application closes first costs a request now and then. */
async function connections(box: Toolbox, evidence: Evidence, service: PlacedService): Promise<readonly Check[]> {
  const { name, run } = service.settings;
  const checks: Check[] = [];
  const live = evidence.live.get(name);
  const color = live === undefined ? undefined : service.colors[live];
  const found = evidence.topology.groups.find(({ arn }) => arn === color?.group)?.loadBalancers[0];
  const idle =
    found === undefined
      ? undefined
      : await evidence.reads.try(['elbv2:DescribeLoadBalancerAttributes'], checks, () =>
          box.account.idleTimeout(found, box.signal),
        );
  const asked =
    live === undefined || color === undefined
      ? undefined
      : membersOf(box, evidence.seen.fleet, live)
          .map((instance) => ({
            instance,
            container: occupantIn(evidence.seen.containers.get(instance.id) ?? [], service, live, live),
          }))
          .find(({ container }) => container !== undefined);
  if (idle === undefined || color === undefined || asked?.container === undefined) {
    return [...checks, skip(`${name}: how long it keeps connections, since nobody could be asked`)];
  }
  const { instance, container } = asked;
  const reply = await evidence.reads.try(['ssm:SendCommand'], checks, async () => {
    const id = await box.hosts.sendAsk(
      {
        instance: instance.id,
        container: container.id,
        port: color.port,
        containerPort: run.containerPort,
        path: run.health.path,
        timeout: run.health.timeout,
      },
      box.signal,
    );
    const { poll, hostCommand } = box.settings.timing;
    return replyOf(box, { id, instance: instance.id }, { poll, limit: hostCommand });
  });
  return [...checks, keepAlive(name, run.health.path, idle, reply)];
}

function keepAlive(name: string, path: string, idle: Ms, reply: HostReply | undefined): Check {
  const longer = `keep idle connections for longer than ${seconds(idle)} in the application (Node: server.keepAliveTimeout), or lower idle_timeout.timeout_seconds of the load balancer`;
  if (reply === undefined) return skip(`${name}: how long it keeps connections: no answer from the instance`);
  if (!reply.ok) return skip(`${name}: how long it keeps connections: ${reply.message}`);
  const { connection } = reply;
  if (connection?.closes === true) return ok(`${name}: ${path} closes each connection after its answer`);
  if (connection?.keepAlive === undefined) {
    return skip(`${name}: ${path} does not tell how long connections are kept (no Keep-Alive header)`, longer);
  }
  const kept = connection.keepAlive;
  if (kept > idle)
    return ok(`${name}: keeps idle connections for ${seconds(kept)}, the load balancer for ${seconds(idle)}`);
  return warn(
    `${name}: closes idle connections after ${seconds(kept)}, the load balancer keeps them for ${seconds(idle)}: now and then a request gets 502, rollout or not`,
    longer,
  );
}
