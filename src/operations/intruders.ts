import type { Listener } from '../domain/host.js';
import type { Color } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Container, FleetInstance } from '../domain/observation.js';
import { belongs, intrudersIn } from '../domain/occupancy.js';
import type { Intruder } from '../domain/occupancy.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { destination } from '../strategies/preload.js';
import { colorOf, membersOf, occupantOf, runsRelease, slotOf } from '../strategies/standing.js';
import { nameOf } from './instance-name.js';
import type { Finding } from './preflight.js';
import type { Survey } from './survey.js';

/** What of a plan says which slots it uses. */
type Using = Pick<Plan, 'services' | 'how' | 'layout' | 'excluded' | 'environment'>;

/** What is in the way of a service in a color on one instance. */
interface Obstacle {
  readonly text: string;
  readonly fix: string;
}

/**
 * Refuses what is in the way of the slots that the plan will use: containers that deployctl neither started nor may adopt, and whatever else listens on
 * their ports. Nothing is ever done to them, so the container of the release could not start.
 * @param scope `needed`: slots that the plan starts or empties something in; `all`: warns of the others too
 */
export function judgePorts(seen: Survey, plan: Using, scope: 'needed' | 'all' = 'needed'): readonly Finding[] {
  return plan.services.flatMap((service) => {
    const needed = neededColor(plan, service);
    return Object.values(service.colors).flatMap(({ color }) => {
      if (color !== needed && scope === 'needed') return [];
      const level = color === needed ? 'refuse' : 'warn';
      return membersOf(plan, seen.fleet, color).flatMap((instance) =>
        onInstance(seen, plan, service, color, instance, level),
      );
    });
  });
}

/** The color in which the plan works: where it brings a release up, or what it takes out of service. */
function neededColor(plan: Using, service: ServicePlan): Color {
  return plan.how.is === 'retire' ? otherColor(service.live) : destination(plan, service);
}

function onInstance(
  seen: Survey,
  plan: Using,
  service: ServicePlan,
  color: Color,
  instance: FleetInstance,
  level: Finding['level'],
): readonly Finding[] {
  const containers = seen.containers.get(instance.id);
  if (containers === undefined || plan.excluded.includes(instance.id)) return [];
  const slot = slotOf(service, color);
  // Where the release runs already nothing is started, and a color is emptied whatever the names of other containers are.
  const runs = runsRelease(occupantOf(containers, service, colorOf(service, color)), service.to);
  if (runs && plan.how.is !== 'retire') return [];
  const intruders = intrudersIn(containers, slot).filter(({ by }) => by === 'port' || plan.how.is !== 'retire');
  const who = nameOf(instance);
  const named = (obstacle: Obstacle): Finding => ({ level, text: `${who}: ${obstacle.text}`, fix: obstacle.fix });
  const found = intruders.map((intruder) => named(obstacleOf(plan, service, color, intruder)));
  const isHeld = containers.some((each) => (each.running || each.restarting === true) && belongs(each, slot));
  const listener = seen.facts.get(instance.id)?.listeners?.find(({ port }) => port === slot.port);
  if (listener !== undefined && !isHeld && intruders.length === 0) {
    found.push(named(listenerObstacle(service, color, containers, listener)));
  }
  return [
    ...found,
    ...returning(containers, service, color).map((each) => ({ ...named(each), level: 'warn' as const })),
  ];
}

function obstacleOf(plan: Using, service: ServicePlan, color: Color, { container, by }: Intruder): Obstacle {
  const what = `container ${container.name} (image ${container.imageReference})`;
  const whose = ownerOf(service, color, container);
  if (by === 'name') {
    return {
      text: `${what}, ${whose}, has a name that deployctl gives to the containers of ${service.service}`,
      fix: `docker rename ${container.name} on the instance, or set container.name of ${service.service} in deployctl.yml`,
    };
  }
  return {
    text: `${heldPort(service, color)} is held by ${what}, ${whose}`,
    fix: fixOf(plan, service, color, container),
  };
}

/** `port 8081 of backend (blue, standby)` */
function heldPort(service: ServicePlan, color: Color): string {
  const role = color === service.live ? 'live' : 'standby';
  return `port ${String(colorOf(service, color).port)} of ${service.service} (${color}, ${role})`;
}

/** Why it is none of the service's. */
function ownerOf(service: ServicePlan, color: Color, { ours, owner, adopted }: Container): string {
  if (ours !== undefined) return `which is ${ours.service} ${ours.color} of this environment`;
  if (owner !== undefined) return `which deployctl manages for ${owner}`;
  if (adopted !== undefined) return `which was adopted as ${adopted.service} ${adopted.color}`;
  return color === service.live
    ? `which deployctl did not start and which does not run an image of ${service.adopts.repository}`
    : 'which deployctl did not start';
}

function fixOf(plan: Using, service: ServicePlan, color: Color, { name, ours, owner, adopted }: Container): string {
  const elsewhere = `give ${color} of ${service.service} another port in deployctl.yml`;
  if (owner !== undefined) return `${elsewhere}, or in that of ${owner}`;
  const remove = `docker rm -f ${name} on the instance`;
  if (ours !== undefined || adopted !== undefined) return `${remove} if nothing needs it, or ${elsewhere}`;
  const key = `environments.${plan.environment}.services.${service.service}.adopt`;
  return `${remove}, or ${elsewhere}, or, if it is ${service.service}'s own: ${key}: [${name}]`;
}

/** A process of the instance, or a container with the host's network. */
function listenerObstacle(
  service: ServicePlan,
  color: Color,
  containers: readonly Container[],
  { container, process }: Listener,
): Obstacle {
  const held = heldPort(service, color);
  const elsewhere = `give ${color} of ${service.service} another port in deployctl.yml`;
  if (container !== undefined) {
    const image = containers.find(({ name }) => name === container)?.imageReference;
    const what = `container ${container}${image === undefined ? '' : ` (image ${image})`}`;
    return {
      text: `${held} is held by ${what}, which uses the host's network`,
      fix: `docker rm -f ${container} on the instance, or ${elsewhere}`,
    };
  }
  return {
    text: `${held} is held by process ${process ?? 'unknown'}`,
    fix: `end that process on the instance, or ${elsewhere}`,
  };
}

/** Stopped containers of others that Docker starts again with its engine: then the port is taken, by whoever comes first. */
function returning(containers: readonly Container[], service: ServicePlan, color: Color): readonly Obstacle[] {
  const slot = slotOf(service, color);
  return containers
    .filter((each) => !each.running && each.restarting !== true && each.paused !== true && !belongs(each, slot))
    .filter(
      ({ ours, restartPolicy, ports }) => ours === undefined && restartPolicy === 'always' && ports.includes(slot.port),
    )
    .map(({ name, imageReference }) => ({
      text: `stopped container ${name} (image ${imageReference}) is to have port ${String(slot.port)} of ${service.service} (${color}): its restart policy always starts it again with the Docker engine`,
      fix: `docker update --restart=no ${name} on the instance`,
    }));
}
