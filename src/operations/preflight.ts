import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Instant, Ms } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import type { HostFacts } from '../domain/host.js';
import type { FleetInstance } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { NO_RELEASE } from '../domain/release.js';
import { minimumHealthyOf } from '../strategies/amounts.js';
import { isChanged } from '../strategies/preload.js';
import { occupantOf } from '../strategies/standing.js';
import { judgeForeign } from './foreign.js';
import { nameOf } from './instance-name.js';
import { judgePorts } from './intruders.js';
import type { NoLiveColor } from './present.js';
import { membersOf } from './present.js';
import { judgeRequests } from './requests.js';
import { judgeTimes } from './times.js';
import type { Survey } from './survey.js';
import type { PlacedService, Topology } from './topology.js';
import { beforeChange } from './topology.js';
import type { Toolbox } from './toolbox.js';

/** One judgement of the preflight: `refuse` ends the operation before any change. */
export interface Finding {
  readonly level: 'refuse' | 'warn';
  /** Names the thing, the value seen and the value wanted. */
  readonly text: string;
  readonly fix: string;
}

const MB = 1024 * 1024;
/** What a second color may need beyond what runs: 1.2 × what runs now. */
const memoryHeadroom = 1.2;
const diskWanted = 1024 * MB;

/** Judges everything that the plan will touch. Reads only. */
export async function preflight(
  box: Toolbox,
  topology: Topology,
  seen: Survey,
  plan: Plan,
  estimate: Ms,
): Promise<readonly Finding[]> {
  return [
    ...judgeFleet(box, seen, plan),
    ...judgeHosts(seen, plan),
    ...judgePorts(seen, plan),
    ...judgeGroups(topology, plan),
    ...judgeForeign(box, topology, seen.foreign ?? [], plan),
    ...judgeRequests(box, plan),
    ...judgeTimes(plan),
    ...(await judgeOthers(box, topology, seen, plan)),
    ...(await judgeCredentials(box, plan, estimate)),
  ];
}

/** @throws DeployctlError `preflight.refused` with every refusal, when there is one */
export function refuseOn(findings: readonly Finding[]): void {
  const refusals = findings.filter(({ level }) => level === 'refuse');
  if (refusals.length === 0) return;
  throw new DeployctlError({
    code: 'preflight.refused',
    message: ['refused before any change:', ...refusals.map(({ text }) => `  - ${text}`)],
    exitCode: EXIT.refused,
    // Ten instances may lack the same: what to do about it is said once.
    next: [...new Set(refusals.map(({ fix }) => fix))],
  });
}

export function judgeFleet(box: Toolbox, seen: Survey, plan: Plan): readonly Finding[] {
  const findings: Finding[] = [];
  const { fleet } = seen;
  for (const instance of fleet) {
    const why = seen.silent.get(instance.id);
    if (why === undefined || plan.excluded.includes(instance.id)) continue;
    // That a call to AWS failed says nothing of an instance.
    if (seen.failed !== undefined && instance.agent === 'online') continue;
    const who = nameOf(instance);
    const isLeftOut = plan.kind === 'rollback' || box.settings.unreachable === 'exclude';
    if (seen.refusing?.has(instance.id) === true) {
      const text = `${who} cannot be inspected: ${why}`;
      const fix = refusingFix(plan, why);
      findings.push(
        isLeftOut ? { level: 'warn', text: `${text}. It is left out`, fix } : { level: 'refuse', text, fix },
      );
      continue;
    }
    findings.push(
      isLeftOut
        ? { level: 'warn', text: `${who} cannot be reached (${why}): it is left out`, fix: `look at its SSM agent` }
        : {
            level: 'refuse',
            text: `${who} cannot be reached through SSM: ${why}`,
            fix: `repair its SSM agent and instance profile (AmazonSSMManagedInstanceCore), or set environments.${plan.environment}.unreachable: exclude`,
          },
    );
  }
  const missing = missingIds(box, fleet);
  if (missing.length > 0) {
    const isLeftOut = plan.kind === 'rollback' || box.settings.unreachable === 'exclude';
    const text = `${missing.join(', ')} of environments.${plan.environment}.fleet.instances ${missing.length === 1 ? 'is not a running instance' : 'are not running instances'} in ${box.settings.region}`;
    findings.push({
      level: isLeftOut ? 'warn' : 'refuse',
      text: isLeftOut ? `${text}: left out` : text,
      fix: `start ${missing.length === 1 ? 'it, or remove it' : 'them, or remove them'} from environments.${plan.environment}.fleet.instances in deployctl.yml`,
    });
  }
  if (plan.how.is === 'rolling') {
    for (const service of plan.services.filter(isChanged)) {
      const members = membersOf(box, fleet, service.live).length;
      if (service.from.release === NO_RELEASE || minimumHealthyOf(members, plan.how) < members) continue;
      findings.push({
        level: 'refuse',
        text: `rolling ${service.service} over ${String(members)} instance${members === 1 ? '' : 's'} leaves no instance to spare: at least ${String(minimumHealthyOf(members, plan.how))} of its targets must stay healthy (minimum-healthy)`,
        fix: `${plan.kind === 'rollback' ? 'add instances to the fleet' : 'use --strategy blue-green'}, or set environments.${plan.environment}.allow-downtime: true`,
      });
    }
  }
  return findings;
}

/** Instances that the configuration names and that do not run. */
function missingIds({ settings: { fleet: selector } }: Toolbox, fleet: readonly FleetInstance[]): readonly string[] {
  if (selector.is !== 'ids') return [];
  return selector.ids.filter((id) => !fleet.some((instance) => instance.id === id));
}

/** What to do about an instance that answered, and could not say what runs there. */
function refusingFix(plan: Plan, why: string): string {
  const fence = /(\/\S+\/fence) holds/.exec(why)?.[1];
  return fence === undefined
    ? `correct what it says on the instance, or set environments.${plan.environment}.unreachable: exclude`
    : `rm ${fence} on the instance, while no rollout runs: the next command writes it anew`;
}

/** A fleet without a running instance: there is nothing to judge, and nothing that could resolve a tag. */
export function emptyFleet(box: Toolbox, fleet: readonly FleetInstance[]): readonly Finding[] {
  if (fleet.length > 0) return [];
  const { environment, region, fleet: selector } = box.settings;
  const what = selector.is === 'tags' ? tagsText(selector.tags) : selector.ids.join(', ');
  return [
    {
      level: 'refuse',
      text: `the fleet of ${environment} has no running instance (looked for ${what} in ${region})`,
      fix: `start the instances, or correct environments.${environment}.fleet in deployctl.yml`,
    },
  ];
}

export function judgeHosts(seen: Survey, plan: Plan): readonly Finding[] {
  const findings: Finding[] = [];
  const changed = plan.services.filter(isChanged);
  for (const instance of seen.fleet) {
    const facts = seen.facts.get(instance.id);
    if (facts === undefined || plan.excluded.includes(instance.id)) continue;
    const who = nameOf(instance);
    const refuse = (text: string, fix: string): void =>
      void findings.push({ level: 'refuse', text: `${who}: ${text}`, fix });
    if (facts.dockerVersion === undefined)
      refuse('Docker does not answer', 'install and start Docker (20.10 or newer) on the instance');
    if (!facts.curl)
      refuse('it has no curl, which the health checks on the instance need', 'install curl on the instance');
    if (!facts.flock) refuse('it has no flock, which keeps commands apart', 'install util-linux on the instance');
    if (plan.kind !== 'rollout' || changed.length === 0) continue;
    if (facts.diskFreeBytes !== undefined && facts.diskFreeBytes < diskWanted) {
      refuse(
        `${size(facts.diskFreeBytes)} of disk are free for images, ${size(diskWanted)} are wanted`,
        'docker image prune -a --filter until=240h on the instance, or give it a larger disk',
      );
    }
    if (plan.how.is !== 'blue-green' || plan.layout.is !== 'ports' || facts.memoryAvailableBytes === undefined)
      continue;
    const needs = memoryNeeded(seen, plan, instance, facts);
    if (facts.memoryAvailableBytes < needs) {
      refuse(
        `${size(facts.memoryAvailableBytes)} of memory are available, a second color may take ${size(needs)} (1.2 times what runs)`,
        'use --strategy rolling, set a memory limit for the service, or take a larger instance type',
      );
    }
  }
  return findings;
}

/** Memory that a second color may take on an instance: 1.2 times what the live one uses, for services without a limit of their own. */
function memoryNeeded(seen: Survey, plan: Plan, instance: FleetInstance, facts: HostFacts): number {
  let needed = 0;
  for (const service of plan.services.filter(isChanged)) {
    const live = service.colors[service.live];
    if (live === undefined || memoryLimit(service.to.spec.runOptions) !== undefined) continue;
    const occupant = occupantOf(seen.containers.get(instance.id) ?? [], service, live);
    needed += memoryHeadroom * (occupant === undefined ? 0 : (facts.memory[occupant.id]?.used ?? 0));
  }
  return needed;
}

/** `--memory=512m`, `--memory 512m`, `-m 512m` → bytes. */
export function memoryLimit(options: readonly string[]): number | undefined {
  for (const [index, option] of options.entries()) {
    const inline = /^(?:--memory|-m)=(.+)$/.exec(option)?.[1];
    const value = inline ?? (option === '--memory' || option === '-m' ? options[index + 1] : undefined);
    const match = /^(\d+)([bkmg]?)b?$/i.exec(value ?? '');
    if (match?.[1] === undefined) continue;
    const unit = { '': 1, b: 1, k: 1024, m: MB, g: 1024 * MB }[(match[2] ?? '').toLowerCase()] ?? 1;
    return Number(match[1]) * unit;
  }
  return undefined;
}

export function judgeGroups(topology: Topology, plan: Plan): readonly Finding[] {
  const findings: Finding[] = [];
  for (const group of topology.groups) {
    if (group.targetType !== 'instance') {
      findings.push({
        level: 'refuse',
        text: `target group ${group.name} has target type ${group.targetType}; deployctl registers instances`,
        fix: 'use a target group of type instance',
      });
    }
    if (group.deregistrationDelay > plan.timing.drainCap) {
      findings.push({
        level: 'refuse',
        text: `target group ${group.name} drains for ${seconds(group.deregistrationDelay)}, longer than timing.drain-cap (${seconds(plan.timing.drainCap)})`,
        fix: 'lower deregistration_delay.timeout_seconds of the group, or raise timing.drain-cap',
      });
    }
    const stops = plan.services.filter((service) =>
      Object.values(service.colors).some((color) => color.group === group.arn),
    );
    for (const service of stops) {
      if (
        group.groupStickiness &&
        service.routes.length > 0 &&
        plan.how.is === 'blue-green' &&
        plan.kind === 'rollout'
      ) {
        // ELB answers InvalidConfigurationRequest to a rule of several groups without group stickiness where one of them is sticky itself.
        findings.push({
          level: 'refuse',
          text: `target group ${group.name} has stickiness on: AWS then refuses to turn group stickiness off in the rule, and clients that are bound to a bad release could not be taken back`,
          fix: 'turn stickiness.enabled off in the target group, or roll out with --strategy rolling',
        });
      }
    }
  }
  return findings;
}

/** Routes and groups outside the configuration that hold what we manage: they would be missed, or get a stopped container. */
export async function judgeOthers(
  box: Toolbox,
  topology: Topology,
  seen: Survey,
  plan: Plan,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const ours = new Set(topology.groups.map(({ arn }) => arn));
  const routed = new Set(topology.services.flatMap(({ routes }) => routes));
  const keys = seen.fleet.flatMap(({ id }) =>
    topology.services.flatMap(({ colors }) => Object.values(colors).map(({ port }) => targetKey(id, port))),
  );
  const [holders, uses] = await beforeChange(() =>
    Promise.all([box.traffic.groupsHolding(keys, box.signal), box.traffic.routesUsing([...ours], box.signal)]),
  );
  for (const { group, name, target } of holders) {
    if (ours.has(group)) continue;
    findings.push({
      level: 'refuse',
      text: `target group ${name}, which is not in deployctl.yml, holds ${target}: its requests would fail while that port is swapped`,
      fix: `deregister ${target} from ${name}, or configure ${name} for the service`,
    });
  }
  for (const use of uses) {
    if (routed.has(use.route)) continue;
    const owner = topology.services.find(({ colors }) =>
      Object.values(colors).some(({ group }) => use.groups.includes(group)),
    );
    const service = owner?.settings.name ?? 'a service';
    const text = `${use.name} forwards to a target group of ${service} and is not among its routes`;
    const fix = `add ${use.route} to the routes of ${service} in deployctl.yml`;
    findings.push({ level: plan.how.is === 'blue-green' ? 'refuse' : 'warn', text, fix });
  }
  return findings;
}

async function judgeCredentials(box: Toolbox, plan: Plan, estimate: Ms): Promise<readonly Finding[]> {
  const end = await beforeChange(() => box.identity.credentialsEnd(box.signal));
  const needed: Instant = box.clock.now() + estimate;
  if (end === undefined || end >= needed) return [];
  return [
    {
      level: plan.kind === 'rollback' ? 'warn' : 'refuse',
      text: `the AWS credentials end at ${new Date(end).toISOString()}, before the predicted end of the rollout (${new Date(needed).toISOString()})`,
      fix: 'ask for a longer session (role-duration-seconds in GitHub Actions), or shorten the bakes',
    },
  ];
}

/**
 * Routes that do not send a service's traffic to one color.
 * @param unfinished a rollout that has not ended: its weights are never to be changed by hand
 */
export function weightProblem(
  box: Pick<Toolbox, 'settings'>,
  service: PlacedService,
  found: NoLiveColor,
  unfinished?: RolloutRecord,
): Finding {
  const { environment } = box.settings;
  const { name } = service.settings;
  const fix =
    found.of === 'route'
      ? `correct environments.${environment}.services.${name}.routes in deployctl.yml`
      : unfinished !== undefined
        ? `deployctl status --env ${environment}   # ${unfinished.kind} ${unfinished.id} by ${unfinished.by} has not ended: change no weights beside it`
        : `deployctl resume --env ${environment}   # if a rollout was interrupted; else set one color of ${name} to 100 and the other to 0`;
  return { level: 'refuse', text: found.problem, fix };
}

/** Both colors on one host port of one instance: they would share fate. */
export function sharedPorts(topology: Topology, layout: Plan['layout']): readonly Finding[] {
  if (layout.is !== 'ports') return [];
  return topology.services.flatMap(({ settings, colors }): readonly Finding[] => {
    const { blue, green } = colors;
    if (blue === undefined || blue.port !== green?.port) return [];
    const text = `blue and green of ${settings.name} share host port ${String(blue.port)} on every instance`;
    return [{ level: 'refuse', text, fix: `give green of ${settings.name} a host port of its own in deployctl.yml` }];
  });
}

function tagsText(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}

const size = (bytes: number): string => `${String(Math.round(bytes / MB))} MB`;
/** `300 s` */
export const seconds = (ms: Ms): string => `${String(Math.round(ms / 1000))} s`;
