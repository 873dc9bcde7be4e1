import type { RouteArn } from '../../domain/ids.js';
import type { RouteView } from '../../domain/observation.js';
import type { RolloutRecord } from '../../domain/record.js';
import { judgeOthers, seconds, sharedPorts, weightProblem } from '../preflight.js';
import { explains, strandedTraffic } from '../begin.js';
import { liveColor } from '../present.js';
import type { Survey } from '../survey.js';
import type { Toolbox } from '../toolbox.js';
import type { PlacedService } from '../topology.js';
import type { Check } from './check.js';
import { fail, ofFinding, ok, skip, warn } from './check.js';
import type { Evidence } from './evidence.js';

/** Listeners and rules: which color has the traffic, and who else has a hand in it. */
export async function routeChecks(box: Toolbox, evidence: Evidence): Promise<readonly Check[]> {
  const { topology, seen, trouble, reads, complete, past } = evidence;
  const checks: Check[] = [...trouble.routes, ...sharedPorts(topology, box.settings.layout).map(ofFinding)];
  for (const service of topology.services) {
    const { name, routes: configured } = service.settings;
    const known = service.routes.flatMap((arn) => seen.routes.get(arn) ?? []);
    if (known.length === 0 || known.length < configured.length) {
      checks.push(skip(`${name}: its routes could not all be read, so nobody can tell which color is live`));
      continue;
    }
    const color = liveColor(service, seen);
    const unfinished = past?.unfinished;
    if (unfinished !== undefined && explains(unfinished, service, seen))
      checks.push(ok(movingText(service, seen, unfinished)));
    else if ('problem' in color && past === undefined) {
      checks.push(skip(`${color.problem}, as far as is known: whether a rollout is running could not be read`));
    } else if ('problem' in color) checks.push(ofFinding(weightProblem(box, service, color, unfinished)));
    else checks.push(ok(`${name}: ${color.live} is live on ${known.map((route) => route.name).join(', ')}`));
    // A rollout would repair it; until then requests fail.
    for (const { text, fix } of strandedTraffic(service, seen)) checks.push(fail(text, fix));
    checks.push(...known.flatMap((route) => stickiness(box, route)));
  }
  if (complete) {
    const uses = [
      'elbv2:DescribeTargetGroups',
      'elbv2:DescribeTargetHealth',
      'elbv2:DescribeListeners',
      'elbv2:DescribeRules',
    ] as const;
    const others = await reads.try(uses, checks, () => judgeOthers(box, topology, seen, evidence.model.plan));
    if (others !== undefined) {
      const good = 'no other rule forwards to these target groups, and no other target group holds their ports';
      checks.push(...(others.length === 0 ? [ok(good)] : others.map(ofFinding)));
    }
  } else {
    checks.push(skip('whether other rules or target groups are involved: first the names above must be right'));
  }
  return [...checks, ...movedBy(evidence), ...(await owners(box, evidence))];
}

/** What a rollout that has not ended gives each color, which is its business. */
function movingText(
  { settings: { name }, colors, routes }: PlacedService,
  seen: Survey,
  unfinished: RolloutRecord,
): string {
  const [arn] = routes;
  const weights = (arn === undefined ? undefined : seen.routes.get(arn)?.weights) ?? [];
  const shares = (['blue', 'green'] as const).flatMap((color) => {
    const weight = weights.find(({ group }) => group === colors[color]?.group)?.weight;
    return colors[color] === undefined ? [] : [`${color} ${String(weight ?? 0)}`];
  });
  const { kind, id, by } = unfinished;
  return `${name}: its weights (${shares.join(', ')}) are those of ${kind} ${id} by ${by}, which has not ended`;
}

/** Clients that are pinned to a color stay there whatever the weights say. */
function stickiness(box: Toolbox, route: RouteView): readonly Check[] {
  const { stickiness: sticky, name } = route;
  const { timing, strategy, stickySeconds } = box.settings;
  if (strategy !== 'blue-green' || !sticky.enabled || stickySeconds !== undefined) return [];
  const pinned = (sticky.seconds ?? 0) * 1000;
  if (pinned <= timing.bake) return [];
  return [
    warn(
      `${name} pins clients to a color for ${seconds(pinned)} (group stickiness), longer than a bake (${seconds(timing.bake)}): a bake sees new clients only`,
      'turn group stickiness off in the rule, or set sticky: deployctl then turns it on for the shift and off again',
    ),
  ];
}

const tool = /terraform|opentofu|pulumi|cloudformation|cdk/i;

/** Tags that say that another tool writes the routes. */
async function owners(box: Toolbox, evidence: Evidence): Promise<readonly Check[]> {
  const arns = [...evidence.seen.routes.keys()];
  if (arns.length === 0) return [];
  const checks: Check[] = [];
  const tags = await evidence.reads.try(['elbv2:DescribeTags'], checks, () => box.account.tags(arns, box.signal));
  if (tags === undefined) return [...checks, skip('the tags of the routes, which would tell of Terraform')];
  for (const [arn, route] of evidence.seen.routes) {
    const found = Object.entries(tags.get(arn) ?? {}).find(([key, value]) => tool.test(key) || tool.test(value));
    if (found !== undefined) checks.push(ownedBy(route, arn, found));
  }
  return checks.length === 0 ? [ok('no tag of the routes says that Terraform writes them')] : checks;
}

function ownedBy(route: RouteView, arn: RouteArn, [key, value]: readonly [string, string]): Check {
  const argument = arn.includes(':listener-rule/') ? 'action' : 'default_action';
  return warn(
    `${route.name} is tagged ${key}=${value}: the next apply may move its weights back`,
    `lifecycle { ignore_changes = [${argument}] } in its resource, unless it is there already (docs/aws.md, "Terraform")`,
  );
}

/** Weights that are not what the last rollout left. */
function movedBy({ past, seen, topology }: Evidence): readonly Check[] {
  const [last] = past?.records ?? [];
  if (last?.endedAt === undefined || last.weightsLast === undefined) return [];
  const managed = new Set<string>(topology.groups.map(({ arn }) => arn));
  return Object.entries(last.weightsLast).flatMap(([arn, left]) => {
    const route = [...seen.routes.values()].find((one) => one.route === arn);
    if (route === undefined) return [];
    const share = (weights: RouteView['weights'], group: string): number =>
      weights.find((entry) => entry.group === group)?.weight ?? 0;
    const moved = left.filter(({ group, weight }) => managed.has(group) && weight !== share(route.weights, group));
    if (moved.length === 0) return [];
    const text = moved.map(
      ({ group, weight }) => `${groupName(group)} ${String(weight)} → ${String(share(route.weights, group))}`,
    );
    return [
      warn(
        `another hand changed the weights of ${route.name} since ${last.id}: ${text.join(', ')}`,
        'a terraform apply does that; see lifecycle ignore_changes in docs/aws.md, "Terraform"',
      ),
    ];
  });
}

const groupName = (arn: string): string => /targetgroup\/([^/]+)\//.exec(arn)?.[1] ?? arn;
