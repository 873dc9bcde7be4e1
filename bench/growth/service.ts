import type { Fence, HostRequest } from '../../src/domain/host.js';
import type { InstanceId, TargetGroupArn } from '../../src/domain/ids.js';
import type { World } from '../../test/simulation/world/world.js';
import { digestOf, takes } from '../../test/simulation/world/shape.js';

type Fields = Readonly<Record<string, unknown>>;

/** What stands for the instance script: the request itself. */
export interface Sent {
  readonly request: HostRequest;
  readonly fence?: Fence;
  readonly timeout: number;
}

const balancer = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/shop/1';
const listener = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/1/1';

/** An answer of AWS with an error code. */
export function failure(name: string, message: string): Error {
  return Object.assign(new Error(message), { name, $fault: 'client', $metadata: { httpStatusCode: 400 } });
}

/** The simulated world, as the API calls of one account show and change it: the same sizes of pages, the same limits of lists. */
export class Service {
  readonly #world: World;
  readonly #commands = new Map<string, ReadonlyMap<string, string>>();

  constructor(world: World) {
    this.#world = world;
  }

  answer(operation: string, input: Fields): unknown {
    const { balancer: elb, store } = this.#world;
    const list = (key: string): readonly string[] | undefined => input[key] as readonly string[] | undefined;
    const text = (key: string): string => String(input[key]);
    switch (operation) {
      case 'DescribeInstances': {
        const { items, next } = page(this.#world.fleet(), 1000, input['NextToken']);
        return { Reservations: [{ Instances: items.map(instance) }], NextToken: next };
      }
      case 'DescribeInstanceInformation': {
        const ids = (input['Filters'] as readonly { Values: readonly string[] }[])[0]?.Values ?? [];
        atMost(ids, 50);
        return { InstanceInformationList: ids.map((InstanceId) => ({ InstanceId, PingStatus: 'Online' })) };
      }
      case 'DescribeImages': {
        const [, service] = text('repositoryName').split('/');
        const [image] = input['imageIds'] as readonly { imageTag: string }[];
        return { imageDetails: [{ imageDigest: digestOf(service ?? '', image?.imageTag ?? '') }] };
      }
      case 'DescribeTargetGroups': {
        const wanted = list('TargetGroupArns');
        const all = [...elb.groups.values()].filter(({ arn }) => wanted === undefined || wanted.includes(arn));
        return { TargetGroups: all.map(group) };
      }
      case 'DescribeTargetGroupAttributes':
        return {
          Attributes: [
            { Key: 'deregistration_delay.timeout_seconds', Value: String(takes.deregistrationDelay / 1000) },
          ],
        };
      case 'DescribeTargetHealth':
        return {
          TargetHealthDescriptions: [...elb.targetViews(text('TargetGroupArn') as TargetGroupArn)].map(
            ([key, view]) => {
              const [Id, port] = key.split(':');
              return { Target: { Id, Port: Number(port) }, TargetHealth: { State: view.state, Reason: view.reason } };
            },
          ),
        };
      case 'DescribeListeners':
        return {
          Listeners: [
            {
              ListenerArn: listener,
              Protocol: 'HTTP',
              Port: 80,
              LoadBalancerArn: balancer,
              DefaultActions: this.#actions(listener),
            },
          ],
        };
      case 'DescribeRules': {
        const wanted = list('RuleArns');
        const rules = [...elb.routes.keys()].filter((arn) => arn !== listener && (wanted?.includes(arn) ?? true));
        return {
          Rules: rules.map((RuleArn) => ({
            RuleArn,
            Priority: '1',
            IsDefault: false,
            Conditions: [{ Field: 'path-pattern', Values: [`/${RuleArn.split('/').at(-1) ?? ''}/*`] }],
            Actions: this.#actions(RuleArn),
          })),
        };
      }
      case 'ModifyRule':
      case 'ModifyListener': {
        const actions = (input['Actions'] ?? input['DefaultActions']) as readonly {
          ForwardConfig: { TargetGroups: readonly { TargetGroupArn: TargetGroupArn; Weight: number }[] };
        }[];
        const set = actions[0]?.ForwardConfig.TargetGroups ?? [];
        const arn = text(operation === 'ModifyRule' ? 'RuleArn' : 'ListenerArn') as TargetGroupArn;
        elb.write(
          arn,
          set.map(({ TargetGroupArn: one, Weight: weight }) => ({ group: one, weight })),
          undefined,
        );
        return {};
      }
      case 'RegisterTargets':
      case 'DeregisterTargets': {
        const targets = (input['Targets'] as readonly { Id: InstanceId; Port: number }[]).map(({ Id, Port }) => ({
          instance: Id,
          port: Port,
        }));
        const arn = text('TargetGroupArn') as TargetGroupArn;
        if (operation === 'RegisterTargets') elb.register(arn, targets);
        else elb.deregister(arn, targets);
        return {};
      }
      case 'SendCommand':
        return this.#send(input);
      case 'ListCommandInvocations':
        return this.#list(input);
      case 'GetCommandInvocation': {
        const command = this.#commands.get(text('CommandId'))?.get(text('InstanceId'));
        if (command === undefined) throw failure('InvocationDoesNotExist', '');
        const { Status, code, output } = this.#outcome(command);
        return { Status, StatusDetails: Status, ResponseCode: code, StandardOutputContent: output };
      }
      case 'PutParameter':
        return this.#put(text('Name'), text('Value'), input['Overwrite'] === true);
      case 'GetParameter': {
        const Value = store.values.get(text('Name'));
        if (Value === undefined) throw failure('ParameterNotFound', '');
        return { Parameter: { Value } };
      }
      case 'GetParametersByPath': {
        const { items, next } = page([...this.#world.view().parameters(text('Path'))], 10, input['NextToken']);
        return { Parameters: items.map(([Name, Value]) => ({ Name, Value })), NextToken: next };
      }
      case 'DeleteParameters':
        atMost(list('Names') ?? [], 10);
        store.remove(list('Names') ?? []);
        return {};
      default:
        throw new Error(`this account does not know ${operation}`);
    }
  }

  #actions(arn: string): unknown {
    const { weights } = this.#world.balancer.routeView(arn as TargetGroupArn);
    const TargetGroups = weights.map(({ group: TargetGroupArn, weight: Weight }) => ({ TargetGroupArn, Weight }));
    return [{ Type: 'forward', ForwardConfig: { TargetGroups, TargetGroupStickinessConfig: { Enabled: false } } }];
  }

  #send({ InstanceIds, Parameters }: Fields): unknown {
    const ids = InstanceIds as readonly InstanceId[];
    atMost(ids, 50);
    const { request, fence, timeout } = JSON.parse((Parameters as { commands: [string] }).commands[0]) as Sent;
    const CommandId = this.#world.id('c-');
    const { commands, timeline } = this.#world;
    this.#commands.set(CommandId, new Map(ids.map((id) => [id, commands.send(id, request, fence, timeout, 'normal')])));
    return { Command: { CommandId, RequestedDateTime: new Date(timeline.now) } };
  }

  #list({ CommandId, Details }: Fields): unknown {
    if (Details !== true)
      return {
        CommandInvocations: [...this.#commands]
          .flatMap(([id, sent]) => this.#invocations(id, sent, false))
          .reverse()
          .slice(0, 50),
      };
    const sent = this.#commands.get(String(CommandId)) ?? new Map<string, string>();
    return { CommandInvocations: this.#invocations(String(CommandId), sent, true) };
  }

  #invocations(CommandId: string, sent: ReadonlyMap<string, string>, details: boolean): readonly object[] {
    return [...sent].map(([InstanceId, command]) => {
      const { Status, code, output } = this.#outcome(command);
      const plugin = { StatusDetails: Status, ResponseCode: code, Output: output };
      return { CommandId, InstanceId, Status, CommandPlugins: details ? [plugin] : [] };
    });
  }

  #outcome(command: string): { readonly Status: string; readonly code: number; readonly output: string } {
    const state = this.#world.commands.state(command);
    if (state.is === 'pending') return { Status: 'InProgress', code: -1, output: '' };
    if (state.is === 'lost') return { Status: 'TimedOut', code: -1, output: '' };
    return { Status: 'Success', code: 0, output: `${JSON.stringify(state.reply)}\n` };
  }

  #put(name: string, value: string, overwrite: boolean): unknown {
    const { store } = this.#world;
    if (overwrite !== store.values.has(name))
      throw failure(overwrite ? 'ParameterNotFound' : 'ParameterAlreadyExists', name);
    if (overwrite) store.overwrite(name, value);
    else store.create(name, value);
    return {};
  }
}

function instance(one: { id: string; name: string; zone: string; address: string }): unknown {
  return {
    InstanceId: one.id,
    Placement: { AvailabilityZone: one.zone },
    PrivateIpAddress: one.address,
    Tags: [{ Key: 'Name', Value: one.name }],
  };
}

function group({ arn, port }: { arn: string; port: number }): unknown {
  return {
    TargetGroupArn: arn,
    TargetGroupName: arn.split('/')[1],
    TargetType: 'instance',
    Port: port,
    LoadBalancerArns: [balancer],
    HealthCheckPath: '/health',
    HealthCheckIntervalSeconds: takes.healthInterval / 1000,
    HealthCheckTimeoutSeconds: 2,
    HealthyThresholdCount: takes.healthyThreshold,
    UnhealthyThresholdCount: takes.unhealthyThreshold,
  };
}

function page<T>(
  all: readonly T[],
  size: number,
  token: unknown,
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const from = Number(token ?? 0);
  return { items: all.slice(from, from + size), next: from + size < all.length ? String(from + size) : undefined };
}

function atMost(list: readonly unknown[], most: number): void {
  if (list.length > most) throw failure('ValidationException', `${String(list.length)} of at most ${String(most)}`);
}
