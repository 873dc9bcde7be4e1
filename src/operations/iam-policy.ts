import { DeployctlError, EXIT } from '../domain/errors.js';
import type { EnvironmentSettings, GroupName, RouteName } from '../domain/settings.js';
import { CLAIMS, namesOf } from '../state/index.js';

interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** An IAM policy document. */
export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** The trust policy of a role. */
export interface TrustPolicy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly {
    readonly Effect: 'Allow';
    readonly Principal: { readonly Service: string };
    readonly Action: readonly string[];
  }[];
}

/** What `status`, `plan` and the preflight read. None of these actions can be narrowed to a resource (service authorization reference). */
const looks = [
  'ec2:DescribeInstances',
  'elasticloadbalancing:DescribeListeners',
  'elasticloadbalancing:DescribeLoadBalancers',
  'elasticloadbalancing:DescribeRules',
  'elasticloadbalancing:DescribeTargetGroupAttributes',
  'elasticloadbalancing:DescribeTargetGroups',
  'elasticloadbalancing:DescribeTargetHealth',
  'ssm:DescribeInstanceInformation',
  'ssm:GetCommandInvocation',
  'ssm:ListCommandInvocations',
];
/** What `doctor` reads beyond that. */
const examines = ['elasticloadbalancing:DescribeLoadBalancerAttributes', 'elasticloadbalancing:DescribeTags'];

/**
 * The least that the identity which runs deployctl needs for this environment, scoped to what the configuration names.
 * @param account 12 digits
 */
export function policyFor(settings: EnvironmentSettings, account: string): Policy {
  const { region, services } = settings;
  const arn = (service: string, resource: string, owner = account): string =>
    `arn:${partitionOf(region)}:${service}:${region}:${owner}:${resource}`;
  const inRegion = { StringEquals: { 'aws:RequestedRegion': region } };
  const groups = services.flatMap(({ colors }) =>
    Object.values(colors).map((color) => groupArn(arn, color.targetGroup)),
  );
  const routes = services.flatMap((service) => service.routes.map((route) => routeArn(arn, route)));
  const listeners = routes.filter((route) => route.includes(':listener/'));
  const rules = routes.filter((route) => route.includes(':listener-rule/'));
  const repositories = services.flatMap(({ repository }) => ecrArn(settings, repository));
  const secrets = [
    settings.discord?.webhook,
    settings.slack?.webhook,
    ...(settings.webhooks ?? []).flatMap(({ url, secret }) => [url, secret]),
  ];
  const state = namesOf(settings.app, settings.environment).base;
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Look', Effect: 'Allow', Action: looks, Resource: '*', Condition: inRegion },
      { Sid: 'Examine', Effect: 'Allow', Action: examines, Resource: '*', Condition: inRegion },
      {
        Sid: 'Targets',
        Effect: 'Allow',
        Action: ['elasticloadbalancing:DeregisterTargets', 'elasticloadbalancing:RegisterTargets'],
        Resource: unique(groups),
      },
      ...allow('Listeners', 'elasticloadbalancing:ModifyListener', listeners),
      ...allow('Rules', 'elasticloadbalancing:ModifyRule', rules),
      ...allow('Script', 'ssm:SendCommand', [arn('ssm', 'document/AWS-RunShellScript', '')]),
      commands(settings, arn),
      {
        Sid: 'State',
        Effect: 'Allow',
        Action: ['ssm:DeleteParameters', 'ssm:GetParameter', 'ssm:GetParametersByPath', 'ssm:PutParameter'],
        // Everything below the environment is listed folder by folder; the claims are listed as a whole.
        Resource: [`${state}/*`, CLAIMS, `${CLAIMS}/*`].map((path) => arn('ssm', `parameter${path}`)),
      },
      ...allow('Images', 'ecr:DescribeImages', repositories),
      ...allow(
        'Webhook',
        'ssm:GetParameter',
        secrets.flatMap((secret) =>
          secret?.is === 'parameter' ? [arn('ssm', `parameter/${secret.name.replace(/^\//, '')}`)] : [],
        ),
      ),
    ],
  };
}

/**
 * What the agent on an instance needs to take a command and to answer: the part of `AmazonSSMManagedInstanceCore` that Run Command uses (SSM guide,
 * "Alternative configuration for EC2 instance permissions"; `ec2messages` for agents and Regions without the newer channel). None of these can be narrowed.
 */
const agent = [
  'ec2messages:AcknowledgeMessage',
  'ec2messages:DeleteMessage',
  'ec2messages:FailMessage',
  'ec2messages:GetEndpoint',
  'ec2messages:GetMessages',
  'ec2messages:SendReply',
  'ssm:UpdateInstanceInformation',
  'ssmmessages:CreateControlChannel',
  'ssmmessages:CreateDataChannel',
  'ssmmessages:OpenControlChannel',
  'ssmmessages:OpenDataChannel',
];

/** The least that the profile of an instance needs: the agent, the images in ECR, and the parameters of `secrets`. */
export function instancePolicyFor(settings: EnvironmentSettings, account: string): Policy {
  const { region, services } = settings;
  const repositories = services.flatMap(({ repository }) => ecrArn(settings, repository));
  const parameters = services
    .flatMap(({ run }) => Object.values(run.secrets))
    .map((name) => `arn:${partitionOf(region)}:ssm:${region}:${account}:parameter/${name.replace(/^\//, '')}`);
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Agent', Effect: 'Allow', Action: agent, Resource: '*' },
      // A token is for a registry, not for a repository (service authorization reference).
      ...allow('Registry', 'ecr:GetAuthorizationToken', repositories.length === 0 ? [] : ['*']),
      ...(repositories.length === 0
        ? []
        : [
            {
              Sid: 'Pull',
              Effect: 'Allow' as const,
              Action: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
              Resource: unique(repositories),
            },
          ]),
      ...allow('Secrets', 'ssm:GetParameter', parameters),
    ],
  };
}

/** Who may take the role of that profile: the EC2 service, for its instances. */
export function instanceTrust({ region }: EnvironmentSettings): TrustPolicy {
  const service = region.startsWith('cn-') ? 'ec2.amazonaws.com.cn' : 'ec2.amazonaws.com';
  const statement = { Effect: 'Allow', Principal: { Service: service }, Action: ['sts:AssumeRole'] } as const;
  return { Version: '2012-10-17', Statement: [statement] };
}

/** The account that an ARN of the configuration names; undefined when there is none. */
export function accountIn(settings: EnvironmentSettings): string | undefined {
  const arns = settings.services.flatMap(({ colors, routes }) => [
    ...Object.values(colors).map(({ targetGroup }) => targetGroup),
    ...routes,
  ]);
  return arns.flatMap((name) => (name.is === 'arn' ? [accountOf(name.arn)] : []))[0];
}

/** The fifth part of an ARN. */
export const accountOf = (arn: string): string => arn.split(':')[4] ?? '';

/** @throws DeployctlError `usage.value` (exit 64) */
export function checkAccount(account: string): string {
  if (/^\d{12}$/.test(account)) return account;
  throw new DeployctlError({
    code: 'usage.value',
    message: `--account ${account}: an AWS account has 12 digits`,
    exitCode: EXIT.usage,
    next: ['aws sts get-caller-identity --query Account'],
  });
}

function allow(sid: string, action: string, resources: readonly string[]): readonly Statement[] {
  return resources.length === 0 ? [] : [{ Sid: sid, Effect: 'Allow', Action: [action], Resource: unique(resources) }];
}

type MakeArn = (service: string, resource: string, owner?: string) => string;

/** The instances of the fleet: by id, or any that has its tags (SSM guide, "Restricting Run Command access based on tags"). */
function commands({ fleet }: EnvironmentSettings, arn: MakeArn): Statement {
  const base = { Sid: 'Instances', Effect: 'Allow' as const, Action: ['ssm:SendCommand'] };
  if (fleet.is === 'ids') return { ...base, Resource: fleet.ids.map((id) => arn('ec2', `instance/${id}`)) };
  const tags = Object.entries(fleet.tags).map(([key, value]) => [`ssm:resourceTag/${key}`, value] as const);
  return { ...base, Resource: [arn('ec2', 'instance/*')], Condition: { StringLike: Object.fromEntries(tags) } };
}

function groupArn(arn: MakeArn, name: GroupName): string {
  return name.is === 'arn' ? name.arn : arn('elasticloadbalancing', `targetgroup/${name.name}/*`);
}

/** `listener/app/NAME/ID/ID`, `listener-rule/app/NAME/ID/ID/ID`: the ids are not known before AWS gives them. */
function routeArn(arn: MakeArn, route: RouteName): string {
  if (route.is === 'arn') return route.arn;
  const isRule = route.path !== undefined || route.host !== undefined;
  const resource = isRule ? `listener-rule/app/${route.loadBalancer}/*/*/*` : `listener/app/${route.loadBalancer}/*/*`;
  return arn('elasticloadbalancing', resource);
}

/** ECR repositories; other registries are asked by the instances. */
function ecrArn({ region }: EnvironmentSettings, repository: string): readonly string[] {
  const match = /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[^/]+\/(.+)$/.exec(repository);
  const [, owner, where, name] = match ?? [];
  if (owner === undefined || where === undefined || name === undefined) return [];
  return [`arn:${partitionOf(region)}:ecr:${where}:${owner}:repository/${name}`];
}

function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

const unique = (items: readonly string[]): readonly string[] => [...new Set(items)];
