import type { Color, RouteArn, ServiceName, TargetGroupArn, TargetKey } from '../../domain/ids.js';
import type { FleetInstance, RouteView, TargetView } from '../../domain/observation.js';
import type { Plan } from '../../domain/plan.js';
import type { Release } from '../../domain/release.js';
import type { GroupFacts } from '../../engine/ports.js';
import { namesOf } from '../../state/index.js';
import type { Past } from '../../state/index.js';
import { liveColors } from '../begin.js';
import { foreignIn } from '../foreign.js';
import { forecast } from '../forecast.js';
import { howOf, newRecord, planOf } from '../plan.js';
import { moveFindings, observed } from '../serving.js';
import { emptyFleet } from '../preflight.js';
import type { Finding } from '../preflight.js';
import type { Present } from '../present.js';
import { look } from '../survey.js';
import type { Survey } from '../survey.js';
import type { Toolbox } from '../toolbox.js';
import type { PlacedService, Topology } from '../topology.js';
import type { Check } from './check.js';
import { Reads } from './check.js';

/** What could be read, each part by itself. A part that is absent failed, and `trouble` or `reads.failed` says why. */
export interface Evidence {
  readonly reads: Reads;
  /** Failures by the area that they belong to. */
  readonly trouble: Readonly<Record<'fleet' | 'groups' | 'routes' | 'state' | 'release', Check[]>>;
  readonly fleet?: readonly FleetInstance[];
  /** As far as its names exist. */
  readonly topology: Topology;
  /** Whether every target group and route of the configuration was found. */
  readonly complete: boolean;
  /** Unread parts are empty in it. */
  readonly seen: Survey;
  readonly live: ReadonlyMap<ServiceName, Color>;
  readonly past?: Past;
  readonly present?: Present;
  /** Where what serves differs from the record, and what of the record cannot be read. */
  readonly differences: readonly Finding[];
  /** A rollout of new images for all services, with its predicted length, when enough is known to predict it. */
  readonly model: { readonly plan: Plan; readonly estimate?: number };
}

/** Reads everything once, and goes on whatever fails. Takes no lease and changes nothing, not even on an instance. */
export async function gather(box: Toolbox): Promise<Evidence> {
  const reads = new Reads();
  const trouble = noTrouble();
  const { settings, signal } = box;
  const [fleet, placed, past] = await Promise.all([
    reads.try(['ec2:DescribeInstances', 'ssm:DescribeInstanceInformation'], trouble.fleet, () =>
      box.fleet.instances(settings.fleet, settings.layout, signal),
    ),
    placeAll(box, reads, trouble),
    reads.try(['ssm:GetParametersByPath'], trouble.state, () => box.state.past(signal)),
    proveCalls(box, reads),
  ]);
  const { topology } = placed;
  const seen = await surveyOf(box, reads, trouble, topology, fleet ?? []);
  const { live } = liveColors(box, topology, seen, past?.unfinished);
  const now = box.clock.now();
  const judged = await reads.try(['ssm:GetParametersByPath'], trouble.release, () =>
    observed(box, topology, seen, live, past ?? NO_PAST, now),
  );
  const present = judged?.present;
  const base = { reads, trouble, topology, complete: placed.complete, seen, live };
  const model = modelOf(box, base, present, fleet ?? [], now);
  return {
    ...base,
    ...(fleet === undefined ? {} : { fleet }),
    ...(past === undefined ? {} : { past }),
    ...(present === undefined ? {} : { present }),
    differences:
      past?.unfinished === undefined && judged !== undefined
        ? [...judged.damage, ...moveFindings(settings.environment, judged)]
        : [],
    model,
  };
}

export const noTrouble = (): Evidence['trouble'] => ({ fleet: [], groups: [], routes: [], state: [], release: [] });

/** Where nothing of it could be read: what serves is taken from the containers. */
export const NO_PAST: Past = { outcomes: [], records: [], damaged: [], open: [] };

/** Calls that the reads make only now and then, or that stand in for each other: each is made once, so that it changes nothing. */
async function proveCalls(box: Toolbox, reads: Reads): Promise<void> {
  const { account, settings, signal } = box;
  const told: Check[] = [];
  const { base } = namesOf(settings.app, settings.environment);
  // A name that deployctl never writes.
  const name = `${base}/doctor/none`;
  const byName = settings.services.some(({ routes }) => routes.some(({ is }) => is === 'match'));
  await Promise.all([
    ...(byName ? [reads.try(['elbv2:DescribeLoadBalancers'], told, () => account.balancers(signal))] : []),
    ...(['ssm:ListCommandInvocations', 'ssm:GetCommandInvocation'] as const).map((operation) =>
      reads.try([operation], told, () => account.prove({ operation }, signal)),
    ),
    ...(['ssm:GetParameter', 'ssm:PutParameter', 'ssm:DeleteParameters'] as const).map((operation) =>
      reads.try([operation], told, () => account.prove({ operation, name }, signal)),
    ),
  ]);
}

/** The services with whatever of their names exists. */
export async function placeAll(
  box: Toolbox,
  reads: Reads,
  trouble: Evidence['trouble'],
): Promise<{ readonly topology: Topology; readonly complete: boolean }> {
  const { signal } = box;
  const groups = new Map<TargetGroupArn, GroupFacts>();
  const services: PlacedService[] = [];
  let complete = true;
  for (const settings of box.settings.services) {
    const colors: PlacedService['colors'][Color][] = [];
    for (const color of ['blue', 'green'] as const) {
      const wanted = settings.colors[color];
      if (wanted === undefined) continue;
      const facts = await reads.try(
        ['elbv2:DescribeTargetGroups', 'elbv2:DescribeTargetGroupAttributes'],
        trouble.groups,
        async () => box.traffic.groups([await box.traffic.resolveGroup(wanted.targetGroup, signal)], signal),
      );
      const group = facts?.[0];
      if (group === undefined) complete = false;
      else {
        groups.set(group.arn, group);
        colors.push({ color, port: wanted.port, group: group.arn });
      }
    }
    const routes: RouteArn[] = [];
    for (const name of settings.routes) {
      const route = await reads.try(
        name.is === 'arn' ? [] : ['elbv2:DescribeListeners', 'elbv2:DescribeRules'],
        trouble.routes,
        () => box.traffic.resolveRoute(name, signal),
      );
      if (route === undefined) complete = false;
      else routes.push(route);
    }
    const known = colors.flatMap((one) => (one === undefined ? [] : [[one.color, one] as const]));
    services.push({ settings, colors: Object.fromEntries(known), routes });
  }
  return { topology: { services, groups: [...groups.values()] }, complete };
}

export async function surveyOf(
  box: Toolbox,
  reads: Reads,
  trouble: Evidence['trouble'],
  topology: Topology,
  fleet: readonly FleetInstance[],
): Promise<Survey> {
  const { signal } = box;
  const managed = topology.groups.map(({ arn }) => arn);
  const routes = new Map<RouteArn, RouteView>();
  for (const arn of new Set(topology.services.flatMap((service) => service.routes))) {
    const views = await reads.try(['elbv2:DescribeListeners', 'elbv2:DescribeRules'], trouble.routes, () =>
      box.traffic.routes([arn], managed, signal),
    );
    const view = views?.get(arn);
    if (view !== undefined) routes.set(arn, view);
  }
  const targets = new Map<TargetGroupArn, ReadonlyMap<TargetKey, TargetView>>();
  for (const arn of managed) {
    const views = await reads.try(['elbv2:DescribeTargetHealth'], trouble.groups, () =>
      box.traffic.targets(arn, signal),
    );
    if (views !== undefined) targets.set(arn, views);
  }
  // Without the fleet every target would look foreign.
  const foreign =
    fleet.length === 0
      ? undefined
      : await reads.try(['ec2:DescribeInstances'], trouble.groups, () => foreignIn(box, topology, fleet, targets));
  const looked = await reads.try(['ssm:SendCommand'], trouble.fleet, () => look(box, topology, fleet, undefined));
  if (looked?.failed !== undefined) reads.fail(looked.failed, trouble.fleet);
  const unknown = { containers: new Map(), facts: new Map(), silent: new Map() };
  return { fleet, routes, targets, ...(foreign === undefined ? {} : { foreign }), ...(looked ?? unknown) };
}

/** A rollout that would change every service: what the judgements of the preflight are made against. */
function modelOf(
  box: Toolbox,
  found: Pick<Evidence, 'topology' | 'complete' | 'seen' | 'live'>,
  present: Present | undefined,
  fleet: readonly FleetInstance[],
  now: number,
): Evidence['model'] {
  const { settings } = box;
  const from = present?.release ?? { id: 'none', createdAt: now, adopted: false, services: {} };
  const services = Object.entries(from.services).map(([name, { spec }]) => [name, { release: 'next', spec }] as const);
  const to: Release = { ...from, id: 'next', services: Object.fromEntries(services) };
  const record = newRecord({
    settings,
    id: 'ro-doctor',
    kind: 'rollout',
    generation: 0,
    by: box.actor.name,
    now,
    deadline: now + settings.timing.rolloutDeadline,
    from,
    to,
    how: howOf(settings, {}),
    live: Object.fromEntries(found.live),
    seen: found.seen,
    excluded: settings.unreachable === 'exclude' ? [...found.seen.silent.keys()] : [],
    skipValidation: false,
  });
  const plan = planOf(settings, found.topology, record, from, to);
  const known =
    present !== undefined &&
    found.complete &&
    emptyFleet(box, fleet).length === 0 &&
    found.live.size === settings.services.length &&
    (plan.how.is !== 'blue-green' || plan.services.every(({ colors }) => colors.green !== undefined));
  return known ? { plan, estimate: forecast(plan, found.topology, found.seen, now).duration } : { plan };
}
