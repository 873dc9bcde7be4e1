import { DeployctlError, EXIT } from '../../domain/errors.js';
import type { Arn, Color, InstanceId, TargetGroupArn } from '../../domain/ids.js';
import { isArn, isInstanceId } from '../../domain/ids.js';
import type { SeedGroup, Seeds } from './draft.js';

/** A text somewhere in the outputs, with the words of its place: `target_group_arns.backend_blue` → target group arns backend blue. */
interface Leaf {
  readonly words: readonly string[];
  readonly value: string;
}

/** Words of output names that say what a value is; what is left may be the name of a service. */
const vocabulary = new Set(
  `alb lb elb nlb load balancer aws target targetgroup group groups tg arn arns blue green main id ids name names instance instances ec2 ecr repo
  repository repositories url urls uri uris image images http https listener listeners rule rules prod production staging stage dev test
  default service services app application the of for by map list`.split(/\s+/),
);

/**
 * What `terraform output -json` says, as far as it concerns a rollout. Values are told by their shape (an ARN of a target group, an instance id, the
 * URL of an ECR repository), colors and services by the words of the output's name: `alb_https_listener_arn`, `blue_target_group_arn`,
 * `main_target_group_arn`, `backend_green_target_group_arn`, `instance_ids`, `ecr_repository_urls = { backend = … }`. Sensitive outputs are not read.
 * @throws DeployctlError `init.terraform` (exit 64)
 */
export function seedsOfTerraform(outputs: unknown, source: string): Seeds {
  const leaves = leavesOf(outputs, source);
  const arns = leaves.filter((leaf): leaf is Leaf & { value: Arn } => isArn(leaf.value));
  const ofKind = (kind: RegExp): readonly (Leaf & { value: Arn })[] => arns.filter(({ value }) => kind.test(value));
  const groups = unique(
    ofKind(/:targetgroup\//).map((leaf) => groupOf(leaf)),
    ({ arn }) => arn,
  );
  const listeners = ofKind(/:listener(-rule)?\/app\//);
  // A listener that redirects to HTTPS forwards nothing: where HTTPS is named, it is the one that counts.
  const https = listeners.filter(({ words }) => words.includes('https'));
  const routes = (https.length > 0 ? https : listeners).map(({ value }) => value);
  const instances = leaves.flatMap(({ value }): InstanceId[] => (isInstanceId(value) ? [value] : []));
  const balancer = [...ofKind(/:loadbalancer\/app\//), ...listeners].map(
    ({ value }) => /\/app\/([^/]+)\//.exec(value)?.[1],
  )[0];
  const region = textOf(leaves, ['region']) ?? arns.map(({ value }) => value.split(':')[3])[0];
  if (groups.length === 0 && routes.length === 0 && balancer === undefined) {
    throw new DeployctlError({
      code: 'init.terraform',
      message: `${source} has no output that holds the ARN of a target group, of a listener or of a load balancer`,
      exitCode: EXIT.usage,
      next: [
        'output "blue_target_group_arn" { value = aws_lb_target_group.blue.arn }   # and green, and the listener; then terraform apply',
        'deployctl init   # looks at the account alone',
      ],
    });
  }
  const app = textOf(leaves, ['app', 'app_name', 'application', 'project', 'project_name']);
  const environment = textOf(leaves, ['environment', 'env', 'stage']);
  return {
    routes: unique(routes, (arn) => arn),
    groups,
    instances: unique(instances, (id) => id),
    repositories: repositoriesOf(leaves),
    ...(region === undefined || region === '' ? {} : { region }),
    ...(balancer === undefined ? {} : { loadBalancer: balancer }),
    ...(app === undefined ? {} : { app }),
    ...(environment === undefined ? {} : { environment }),
  };
}

function leavesOf(outputs: unknown, source: string): readonly Leaf[] {
  if (!isRecord(outputs)) {
    throw new DeployctlError({
      code: 'init.terraform',
      message: `${source} is not what terraform output -json prints: an object of outputs was expected`,
      exitCode: EXIT.usage,
      next: ['terraform output -json > outputs.json', '--from-terraform outputs.json'],
    });
  }
  return Object.entries(outputs).flatMap(([name, output]) => {
    if (!isRecord(output) || output['sensitive'] === true || !('value' in output)) return [];
    return textsIn(output['value'], [name]);
  });
}

function textsIn(value: unknown, path: readonly string[]): readonly Leaf[] {
  if (typeof value === 'string') {
    return [
      {
        words: path
          .join('_')
          .toLowerCase()
          .split(/[^a-z0-9]+/),
        value,
      },
    ];
  }
  if (Array.isArray(value)) return value.flatMap((item: unknown) => textsIn(item, path));
  return isRecord(value) ? Object.entries(value).flatMap(([key, item]) => textsIn(item, [...path, key])) : [];
}

function groupOf({ words, value: arn }: Leaf & { value: TargetGroupArn }): SeedGroup {
  const colors = words.filter((word): word is Color => word === 'blue' || word === 'green');
  const [color] = colors;
  const service = serviceIn(words);
  return {
    arn,
    ...(colors.length === 1 && color !== undefined
      ? { color }
      : words.includes('main')
        ? { color: 'main' as const }
        : {}),
    ...(service === undefined ? {} : { service }),
  };
}

/** `123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/backend`, by the service of the output's name, else of the repository's. */
function repositoriesOf(leaves: readonly Leaf[]): Record<string, string> {
  const found = leaves.filter(({ value }) =>
    /^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\/[a-z0-9._/-]+$/.test(value),
  );
  return Object.fromEntries(
    found.map(({ words, value }) => [
      serviceIn(words) ?? (found.length === 1 ? '' : (value.split('/').at(-1) ?? '')),
      value,
    ]),
  );
}

function serviceIn(words: readonly string[]): string | undefined {
  const left = words.filter((word) => word !== '' && !vocabulary.has(word) && !/^\d+$/.test(word));
  return left.length === 0 ? undefined : left.join('-');
}

function textOf(leaves: readonly Leaf[], names: readonly string[]): string | undefined {
  const wanted = new Set([...names, ...names.map((name) => `aws_${name}`)]);
  return leaves.find(({ words }) => wanted.has(words.join('_')))?.value;
}

function unique<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
