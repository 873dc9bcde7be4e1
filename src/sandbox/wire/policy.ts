import { z } from 'zod';
import type { Caller } from '../access.js';
import { AwsError } from '../types.js';
import type { ServiceName } from './protocols.js';

const texts = z.union([z.string(), z.array(z.string())]).transform((value) => (Array.isArray(value) ? value : [value]));
const statement = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: texts,
  Resource: texts,
  Condition: z.partialRecord(z.enum(['StringEquals', 'StringLike']), z.record(z.string(), texts)).optional(),
});
const document = z.strictObject({ Version: z.literal('2012-10-17'), Statement: z.array(statement) });
type Statement = z.output<typeof statement>;

/** A call as IAM judges it. */
export interface JudgedCall {
  readonly service: ServiceName;
  readonly operation: string;
  readonly params: Record<string, unknown>;
  readonly caller: Caller;
}

/** An identity-based policy that every call must pass, and what it was needed for. */
export interface Policy {
  /** The refusal, as the service words it; undefined when the call is allowed. */
  judge(call: JudgedCall): AwsError | undefined;
  /** How often each action of each statement was needed, and what was refused. */
  report(): {
    readonly statements: readonly { readonly sid: string; readonly used: Readonly<Record<string, number>> }[];
    readonly denied: readonly string[];
  };
}

const prefixes: Readonly<Record<ServiceName, string>> = {
  ec2: 'ec2',
  elbv2: 'elasticloadbalancing',
  ssm: 'ssm',
  sts: 'sts',
};

/**
 * Reads an IAM policy: statements with Action, Resource, and the conditions StringEquals and StringLike. What it can't judge it refuses to read.
 * Source: IAM guide, "Policy evaluation logic": an explicit deny wins, else one allow is needed for each resource of the call.
 * @param tagsOf tags of an instance, for the condition key ssm:resourceTag/KEY
 * @throws ZodError, SyntaxError
 */
export function createPolicy(
  text: string,
  where: { readonly region: string; readonly accountId: string },
  tagsOf: (instance: string) => Readonly<Record<string, string>> | undefined,
): Policy {
  const { Statement: statements } = document.parse(JSON.parse(text));
  const used = statements.map(() => new Map<string, number>());
  const denied = new Set<string>();

  const applies = (one: Statement, action: string, resource: string): boolean =>
    one.Action.some((pattern) => like(pattern.toLowerCase(), action.toLowerCase())) &&
    one.Resource.some((pattern) => like(pattern, resource)) &&
    Object.entries(one.Condition ?? {}).every(([operator, keys]) =>
      Object.entries(keys ?? {}).every(([key, wanted]) => {
        const value = contextValue(key, resource);
        return (
          value !== undefined &&
          wanted.some((pattern) => (operator === 'StringLike' ? like(pattern, value) : pattern === value))
        );
      }),
    );
  const contextValue = (key: string, resource: string): string | undefined => {
    if (key === 'aws:RequestedRegion') return where.region;
    const tag = /^ssm:resourceTag\/(.+)$/.exec(key)?.[1];
    const instance = /:instance\/(i-[0-9a-f]+)$/.exec(resource)?.[1];
    return tag === undefined || instance === undefined ? undefined : tagsOf(instance)?.[tag];
  };

  return {
    judge({ service, operation, params, caller }) {
      // Nothing limits an account's root, with which a sandbox is prepared beside the limited client. Anyone may ask who they are (STS API,
      // GetCallerIdentity: "no permissions are required").
      if (caller === 'root' || service === 'sts') return undefined;
      const action = `${prefixes[service]}:${operation}`;
      for (const resource of resourcesOf(service, operation, params, where)) {
        const fitting = statements.flatMap((one, index) => (applies(one, action, resource) ? [index] : []));
        const isDenied = fitting.some((index) => statements[index]?.Effect === 'Deny');
        const [allowing] = fitting.filter((index) => statements[index]?.Effect === 'Allow');
        if (allowing === undefined || isDenied) {
          denied.add(`${action} on ${resource}`);
          return refusal(service, action, resource, where.accountId, isDenied);
        }
        const counts = used[allowing];
        counts?.set(action, (counts.get(action) ?? 0) + 1);
      }
      return undefined;
    },
    report: () => ({
      statements: statements.map(({ Sid: sid, Action: actions }, index) => ({
        sid: sid ?? String(index),
        used: Object.fromEntries(actions.map((action) => [action, used[index]?.get(action) ?? 0])),
      })),
      denied: [...denied],
    }),
  };
}

/** `*` and `?` as IAM reads them; letter case counts. */
function like(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's').test(text);
}

/** Members of the request that name the resource of a change (service authorization reference, "Resource types"). */
const elbResource = ['TargetGroupArn', 'RuleArn', 'ListenerArn', 'LoadBalancerArn'] as const;

/** What the call touches. Actions that know no resource are judged on `*`: a statement for a single resource does not allow them. */
function resourcesOf(
  service: ServiceName,
  operation: string,
  params: Record<string, unknown>,
  { region, accountId }: { readonly region: string; readonly accountId: string },
): readonly string[] {
  const arn = (of: string, resource: string, owner = accountId): string =>
    `arn:aws:${of}:${region}:${owner}:${resource}`;
  const parameter = (name: string): string => arn('ssm', `parameter/${name.replace(/^\//, '')}`);
  const listed = (key: string): readonly string[] => {
    const value = params[key];
    return Array.isArray(value) ? value.map(String) : [];
  };
  if (service === 'elbv2' && !operation.startsWith('Describe')) {
    const found = elbResource.map((key) => params[key]).find((value) => typeof value === 'string');
    return found === undefined ? ['*'] : [found];
  }
  if (service !== 'ssm') return ['*'];
  switch (operation) {
    case 'SendCommand':
      return [
        arn('ssm', `document/${String(params['DocumentName'])}`, ''),
        ...listed('InstanceIds').map((id) => arn('ec2', `instance/${id}`)),
      ];
    case 'GetParametersByPath':
      return [parameter(String(params['Path']).replace(/(.)\/$/, '$1'))];
    case 'GetParameter':
    case 'PutParameter':
    case 'DeleteParameter':
      return [parameter(String(params['Name']))];
    case 'GetParameters':
    case 'DeleteParameters':
      return listed('Names').map(parameter);
    default:
      return ['*'];
  }
}

/** Wording of each service: IAM guide, "Troubleshoot access denied error messages"; EC2 API, error codes. */
function refusal(service: ServiceName, action: string, resource: string, account: string, explicit: boolean): AwsError {
  const on = resource === '*' ? '' : ` on resource: ${resource}`;
  const because = explicit
    ? 'with an explicit deny in an identity-based policy'
    : `because no identity-based policy allows the ${action} action`;
  const text = `User: arn:aws:iam::${account}:user/sandbox is not authorized to perform: ${action}${on} ${because}`;
  if (service === 'ec2') {
    return new AwsError('UnauthorizedOperation', `You are not authorized to perform this operation. ${text}`, 403);
  }
  return service === 'ssm' ? new AwsError('AccessDeniedException', text, 400) : new AwsError('AccessDenied', text, 403);
}
