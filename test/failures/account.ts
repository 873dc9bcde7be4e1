import type { RequestHandler } from '../../src/aws/index.js';
import type { Clock } from '../../src/engine/ports.js';
import type { MemoryParameters } from '../_helpers/memory-parameters.js';
import { PortError } from '../../src/domain/errors.js';
import { xml } from '../aws/wire.js';

/** What becomes of every call of one operation. */
export const faultKinds = ['denied', 'expired', '500', 'html', 'hang', 'throttled'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  /** `ssm:GetParameter` */
  readonly operation: string;
  readonly is: FaultKind;
}

const account = '123456789012';
const arn = (rest: string): string => `arn:aws:elasticloadbalancing:eu-west-1:${account}:${rest}`;
const balancer = { arn: arn('loadbalancer/app/shop/50dc6c495c0c9188'), name: 'shop' };
const listener = arn('listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2');
const rule = arn('listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee');
export const ecrRepository = `${account}.dkr.ecr.eu-west-1.amazonaws.com/shop/backend`;
export const digestOf = (letter: string): `sha256:${string}` => `sha256:${letter.repeat(64)}`;

export const instances = ['i-00000000000000001', 'i-00000000000000002'] as const;
const services = [
  { name: 'backend', ports: { blue: 8081, green: 8082 }, id: 'a', image: `${ecrRepository}:1.0.0` },
  { name: 'frontend', ports: { blue: 8091, green: 8092 }, id: 'b', image: 'shop/frontend:1.0.0' },
] as const;
const groups = services.flatMap(({ name, ports, id }) =>
  (['blue', 'green'] as const).map((color, index) => ({
    name: `shop-${name}-${color}`,
    arn: arn(`targetgroup/shop-${name}-${color}/0123456789abcde${id}${String(index)}`),
    color,
    port: ports[color],
  })),
);
const groupArn = (name: string): string => groups.find((group) => group.name === name)?.arn ?? '';

/** Blue has it all. */
const forward = (service: string): object[] => [
  {
    Type: 'forward',
    ForwardConfig: {
      TargetGroups: [
        { TargetGroupArn: groupArn(`shop-${service}-blue`), Weight: 100 },
        { TargetGroupArn: groupArn(`shop-${service}-green`), Weight: 0 },
      ],
    },
  },
];

interface Asked {
  /** `ssm:GetParameter` */
  readonly operation: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly form: Readonly<Record<string, string>>;
}
interface Answered {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The two sides of a request, as far as the SDK's handlers see them. */
interface Request {
  readonly hostname: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * The account of a small shop at the far end of the SDK: requests as they would leave the machine come in, answers as they would come from AWS go out. A
 * world that stands still: changes are accepted, those of parameters take effect.
 */
export class Account {
  /** Operations in the order in which they were asked for. */
  readonly calls: string[] = [];
  /** Counts what happens, so that a driver of time sees that something did. */
  activity = 0;
  fault: Fault | undefined;
  /** When it was met first. */
  faultAt: number | undefined;
  readonly #parameters: MemoryParameters;
  readonly #clock: Clock;
  readonly #commands = new Map<string, { readonly comment: string; readonly instances: readonly string[] }>();

  constructor(parameters: MemoryParameters, clock: Clock) {
    this.#parameters = parameters;
    this.#clock = clock;
  }

  get handler(): RequestHandler {
    return {
      handle: async (request: Request, options?: { readonly abortSignal?: AbortSignal }) => {
        this.activity += 1;
        const asked = parse(request);
        this.calls.push(asked.operation);
        const { status, type, body } = await this.#react(asked, options?.abortSignal);
        this.activity += 1;
        const headers = { 'content-type': type, 'x-amzn-requestid': `request-${String(this.calls.length)}` };
        return { response: { statusCode: status, headers, body: Buffer.from(body) } };
      },
      destroy: () => undefined,
    };
  }

  async #react(asked: Asked, signal: AbortSignal | undefined): Promise<Answered> {
    if (this.fault?.operation === asked.operation) {
      this.faultAt ??= this.#clock.monotonic();
      if (this.fault.is === 'hang') return hangs(signal);
      return failing(asked, this.fault.is);
    }
    try {
      return await this.#answer(asked);
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      return refusal(asked, error.kind === 'already-exists' ? 'ParameterAlreadyExists' : 'ValidationException', 400);
    }
  }

  async #answer(asked: Asked): Promise<Answered> {
    const [service = '', operation = ''] = asked.operation.split(':');
    switch (service) {
      case 'ec2':
        return xmlOf(asked, { reservationSet: [{ instancesSet: instances.map(instanceOf) }] }, 'item');
      case 'elbv2':
        return xmlOf(asked, this.#elbv2(operation, asked.form), 'member');
      case 'ecr':
        return json({ imageDetails: [{ imageDigest: digestOf('b') }] });
      default:
        return this.#ssm(operation, asked);
    }
  }

  #elbv2(operation: string, form: Readonly<Record<string, string>>): object {
    const listed = (prefix: string): string[] =>
      Object.entries(form).flatMap(([key, value]) => (key.startsWith(`${prefix}.member.`) ? [value] : []));
    switch (operation) {
      case 'DescribeTargetGroups': {
        const [names, arns] = [listed('Names'), listed('TargetGroupArns')];
        const some = groups.filter(
          (group) =>
            (names.length === 0 || names.includes(group.name)) && (arns.length === 0 || arns.includes(group.arn)),
        );
        return {
          TargetGroups: some.map((group) => ({
            TargetGroupArn: group.arn,
            TargetGroupName: group.name,
            TargetType: 'instance',
            Port: group.port,
            Protocol: 'HTTP',
            HealthCheckPath: '/health',
            HealthCheckIntervalSeconds: 5,
            HealthCheckTimeoutSeconds: 2,
            HealthyThresholdCount: 2,
            UnhealthyThresholdCount: 2,
            LoadBalancerArns: [balancer.arn],
          })),
        };
      }
      case 'DescribeTargetGroupAttributes':
        return { Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '30' }] };
      case 'DescribeTargetHealth': {
        const group = groups.find((each) => each.arn === form['TargetGroupArn']);
        const held = group?.color === 'blue' ? instances : [];
        return {
          TargetHealthDescriptions: held.map((id) => ({
            Target: { Id: id, Port: group?.port },
            TargetHealth: { State: 'healthy' },
          })),
        };
      }
      case 'DescribeLoadBalancers':
        return {
          LoadBalancers: [{ LoadBalancerArn: balancer.arn, LoadBalancerName: balancer.name, Type: 'application' }],
        };
      case 'DescribeListeners':
        return {
          Listeners: [{ ListenerArn: listener, Port: 80, Protocol: 'HTTP', DefaultActions: forward('frontend') }],
        };
      case 'DescribeRules':
        return {
          Rules: [
            {
              RuleArn: rule,
              Priority: '10',
              IsDefault: false,
              Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/api/*'] } }],
              Actions: forward('backend'),
            },
          ],
        };
      case 'DescribeLoadBalancerAttributes':
        return { Attributes: [{ Key: 'idle_timeout.timeout_seconds', Value: '60' }] };
      case 'DescribeTags':
        return { TagDescriptions: listed('ResourceArns').map((ResourceArn) => ({ ResourceArn, Tags: [] })) };
      default:
        return {};
    }
  }

  async #ssm(operation: string, asked: Asked): Promise<Answered> {
    const { params } = asked;
    const name = String(params['Name']);
    const value = String(params['Value']);
    switch (operation) {
      case 'DescribeInstanceInformation':
        return json({ InstanceInformationList: instances.map((id) => ({ InstanceId: id, PingStatus: 'Online' })) });
      case 'SendCommand': {
        const id = `00000000-0000-0000-0000-${String(this.#commands.size + 1).padStart(12, '0')}`;
        const to = (params['InstanceIds'] as readonly string[] | undefined) ?? [];
        this.#commands.set(id, { comment: String(params['Comment']), instances: to });
        return json({ Command: { CommandId: id, RequestedDateTime: this.#clock.now() / 1000 } });
      }
      case 'ListCommandInvocations':
        return json({ CommandInvocations: this.#invocations(params['CommandId']) });
      case 'GetCommandInvocation': {
        const command = this.#commands.get(String(params['CommandId']));
        if (command === undefined) return refusal(asked, 'InvocationDoesNotExist', 400);
        return json({
          Status: 'Success',
          StatusDetails: 'Success',
          ResponseCode: 0,
          StandardOutputContent: outputOf(command.comment),
        });
      }
      case 'GetParameter': {
        const found = await this.#parameters.get(name);
        return found === undefined ? refusal(asked, 'ParameterNotFound', 400) : json({ Parameter: { Value: found } });
      }
      case 'GetParametersByPath': {
        const all = await this.#parameters.list(String(params['Path']));
        return json({ Parameters: [...all].map(([Name, Value]) => ({ Name, Value })) });
      }
      case 'PutParameter':
        if (params['Overwrite'] === true) await this.#parameters.overwrite(name, value);
        else await this.#parameters.create(name, value);
        return json({});
      default:
        await this.#parameters.remove((params['Names'] as readonly string[] | undefined) ?? []);
        return json({});
    }
  }

  #invocations(id: unknown): object[] {
    return [...this.#commands]
      .filter(([each]) => id === undefined || each === id)
      .flatMap(([CommandId, { comment, instances: to }]) =>
        to.map((InstanceId) => ({
          CommandId,
          InstanceId,
          Status: 'Success',
          RequestedDateTime: this.#clock.now() / 1000,
          CommandPlugins: [{ StatusDetails: 'Success', ResponseCode: 0, Output: outputOf(comment) }],
        })),
      );
  }
}

/** `AmazonSSM.GetParameter`, `Action=DescribeRules&Version=…`. */
function parse({ hostname, headers, body }: Request): Asked {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array | undefined);
  const target = headers['x-amz-target'];
  if (target !== undefined) {
    const service = hostname.includes('.ecr.') ? 'ecr' : 'ssm';
    return {
      operation: `${service}:${target.split('.').at(-1) ?? ''}`,
      params: JSON.parse(text) as Record<string, unknown>,
      form: {},
    };
  }
  const form = Object.fromEntries(new URLSearchParams(text));
  const service = hostname.startsWith('ec2.') ? 'ec2' : 'elbv2';
  return { operation: `${service}:${form['Action'] ?? ''}`, params: {}, form };
}

const json = (value: unknown): Answered => ({
  status: 200,
  type: 'application/x-amz-json-1.1',
  body: JSON.stringify(value),
});

function xmlOf({ form }: Asked, value: object, item: 'item' | 'member'): Answered {
  const name = form['Action'] ?? '';
  const inner = xml(value, item);
  const body = item === 'item' ? inner : `<${name}Result>${inner}</${name}Result>`;
  return { status: 200, type: 'text/xml', body: `<${name}Response>${body}</${name}Response>` };
}

/** As each service spells it. */
function failing(asked: Asked, is: Exclude<FaultKind, 'hang'>): Answered {
  const [service] = asked.operation.split(':');
  switch (is) {
    case 'denied':
      return service === 'ec2'
        ? refusal(asked, 'UnauthorizedOperation', 403)
        : refusal(
            asked,
            service === 'elbv2' ? 'AccessDenied' : 'AccessDeniedException',
            service === 'elbv2' ? 403 : 400,
          );
    case 'expired':
      return service === 'ec2'
        ? refusal(asked, 'RequestExpired', 400)
        : refusal(asked, service === 'elbv2' ? 'ExpiredToken' : 'ExpiredTokenException', 403);
    case 'throttled':
      return refusal(asked, service === 'ec2' ? 'RequestLimitExceeded' : 'ThrottlingException', 400);
    case '500':
      return refusal(asked, 'InternalServerError', 500);
    case 'html':
      return {
        status: 200,
        type: 'text/html',
        body: '<!DOCTYPE html><html><body>Sign in to the network</body></html>',
      };
  }
}

function refusal(asked: Asked, code: string, status: number): Answered {
  const message = 'as this test wants it';
  if (asked.operation.startsWith('ssm:') || asked.operation.startsWith('ecr:')) {
    return { status, type: 'application/x-amz-json-1.1', body: JSON.stringify({ __type: code, message }) };
  }
  const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return {
    status,
    type: 'text/xml',
    body: asked.operation.startsWith('ec2:')
      ? `<Response><Errors>${error}</Errors><RequestID>r</RequestID></Response>`
      : `<ErrorResponse>${error}<RequestId>r</RequestId></ErrorResponse>`,
  };
}

function hangs(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => {
      reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }));
    };
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}

function instanceOf(id: string, index: number): object {
  return {
    instanceId: id,
    privateIpAddress: `10.0.0.${String(index + 1)}`,
    placement: { availabilityZone: index === 0 ? 'eu-west-1a' : 'eu-west-1b' },
    tagSet: [
      { key: 'Name', value: `shop-${String(index + 1)}` },
      { key: 'App', value: 'shop' },
    ],
  };
}

/** What an instance says to a command, by the comment of the command. */
function outputOf(comment: string): string {
  const what = comment.split(' ')[2] ?? '';
  if (what === 'logs') return '2026-11-24T12:00:00.000000000Z listening\n';
  if (what === 'exec') return '0 6 0\nv20.1\n';
  return `${JSON.stringify({ ok: true, images: {}, fence: null, ...answerOf(what) })}\n`;
}

function answerOf(what: string): object {
  const containers = services.map(({ name, ports, id, image }) => ({
    id: id.repeat(64),
    name: `/${name}`,
    image: digestOf('f'),
    reference: image,
    status: 'running',
    startedAt: '2026-11-24T10:00:00Z',
    restartCount: 0,
    exitCode: 0,
    oomKilled: false,
    restartPolicy: 'unless-stopped',
    memoryLimit: 0,
    ports: String(ports.blue),
    app: 'shop',
    environment: 'production',
    service: name,
    color: 'blue',
    release: 'r-1',
    digest: digestOf(id),
  }));
  switch (what) {
    case 'inspect':
      return {
        containers,
        facts: {
          dockerVersion: '28.2.2',
          curl: true,
          flock: true,
          aws: true,
          diskFreeBytes: 20e9,
          memoryAvailableBytes: 4e9,
          memoryTotalBytes: 8e9,
          memory: {},
        },
      };
    case 'resolve':
      return { repository: ecrRepository, repoDigests: [`${ecrRepository}@${digestOf('b')}`] };
    case 'ask':
      return { connection: 'keep-alive', keepAlive: 'timeout=75' };
    default:
      return {
        running: services.map(({ name, image, ports }) => ({
          name,
          image,
          ports: `${String(ports.blue)}:3000/tcp`,
        })),
      };
  }
}
