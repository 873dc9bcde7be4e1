import {
  CreateTargetGroupCommand,
  AddTagsCommand,
  CreateRuleCommand,
  DeleteRuleCommand,
  DeregisterTargetsCommand,
  DescribeRulesCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyRuleCommand,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
  ModifyTargetGroupCommand,
  RemoveTagsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { CreateTagsCommand, DescribeVpcsCommand, EC2Client } from '@aws-sdk/client-ec2';
import {
  GetCommandInvocationCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  SendCommandCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { vi } from 'vitest';
import type { AccessKey } from '../../src/sandbox/access.js';
import type { SandboxStatus, Service } from './kit.js';

/** What an operator would do beside deployctl, with the SDK's own clients. */
export interface Aws {
  /** Deregistration delay of a target group in AWS seconds. */
  drainSeconds(group: string, seconds: number): Promise<void>;
  attribute(group: string, key: string, value: string): Promise<void>;
  /** State by `instance:port`. */
  targets(group: string): Promise<Readonly<Record<string, string>>>;
  /** The forward action of a service's route: the rule of /api for the backend, the default rule for the frontend. */
  actions(service: Service, status: SandboxStatus): Promise<readonly Action[]>;
  setActions(service: Service, status: SandboxStatus, actions: readonly Action[]): Promise<void>;
  /** Weight by target group ARN. */
  weights(service: Service, status: SandboxStatus): Promise<Readonly<Record<string, number>>>;
  /** A target group outside the configuration. @returns its ARN */
  createGroup(name: string, port: number): Promise<string>;
  register(group: string, instance: string, port: number): Promise<void>;
  deregister(group: string, instance: string, port?: number): Promise<void>;
  /** Health check interval of a target group in AWS seconds. */
  healthInterval(group: string, seconds: number): Promise<void>;
  /** How long the load balancer keeps idle connections, in seconds. */
  idleTimeout(loadBalancer: string, seconds: number): Promise<void>;
  /** Another rule for a path, forwarding to the group. @returns what removes it */
  addRule(listener: string, path: string, group: string): Promise<() => Promise<void>>;
  /** Tags the route of a service. @returns what removes the tag */
  tagRoute(service: Service, status: SandboxStatus, key: string, value: string): Promise<() => Promise<void>>;
  tag(instance: string, key: string, value: string): Promise<void>;
  /** Runs a shell line on an instance, as `aws ssm send-command` would. @returns its standard output */
  shell(instance: string, line: string): Promise<string>;
  /** Value of a parameter. */
  parameter(name: string): Promise<string>;
  /** Every parameter of deployctl, as `name version`. */
  parameters(): Promise<readonly string[]>;
  close(): void;
}

/** @param key not held to a policy: deployctl is, where a test gives the sandbox one */
export function openAws(endpoint: string, key: AccessKey): Aws {
  const config = {
    endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: key.id, secretAccessKey: key.secret },
  };
  const elb = new ElasticLoadBalancingV2Client(config);
  const ssm = new SSMClient(config);
  const ec2 = new EC2Client(config);

  const rule = async (service: Service, status: SandboxStatus) => {
    const { Rules = [] } = await elb.send(new DescribeRulesCommand({ ListenerArn: status.loadBalancer.listenerArn }));
    const found = Rules.find(({ IsDefault }) => (IsDefault === true) === (service === 'frontend'));
    if (found?.RuleArn === undefined) throw new Error(`the listener has no rule for ${service}`);
    return { arn: found.RuleArn, actions: found.Actions ?? [] };
  };
  const attribute: Aws['attribute'] = async (group, key, value) => {
    const Attributes = [{ Key: key, Value: value }];
    await elb.send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn: group, Attributes }));
  };

  return {
    attribute,
    drainSeconds: (group, seconds) => attribute(group, 'deregistration_delay.timeout_seconds', String(seconds)),
    targets: async (group) => {
      const { TargetHealthDescriptions = [] } = await elb.send(
        new DescribeTargetHealthCommand({ TargetGroupArn: group }),
      );
      return Object.fromEntries(
        TargetHealthDescriptions.map(({ Target, TargetHealth }) => [
          `${Target?.Id ?? ''}:${String(Target?.Port)}`,
          TargetHealth?.State ?? '',
        ]),
      );
    },
    healthInterval: async (group, seconds) => {
      await elb.send(new ModifyTargetGroupCommand({ TargetGroupArn: group, HealthCheckIntervalSeconds: seconds }));
    },
    idleTimeout: async (loadBalancer, seconds) => {
      const Attributes = [{ Key: 'idle_timeout.timeout_seconds', Value: String(seconds) }];
      await elb.send(new ModifyLoadBalancerAttributesCommand({ LoadBalancerArn: loadBalancer, Attributes }));
    },
    addRule: async (listener, path, group) => {
      const { Rules = [] } = await elb.send(
        new CreateRuleCommand({
          ListenerArn: listener,
          Priority: 77,
          Conditions: [{ Field: 'path-pattern', Values: [path] }],
          Actions: [{ Type: 'forward', TargetGroupArn: group }],
        }),
      );
      return async () => void (await elb.send(new DeleteRuleCommand({ RuleArn: Rules[0]?.RuleArn })));
    },
    tagRoute: async (service, status, key, value) => {
      const ResourceArns = [
        service === 'frontend' ? status.loadBalancer.listenerArn : (await rule(service, status)).arn,
      ];
      await elb.send(new AddTagsCommand({ ResourceArns, Tags: [{ Key: key, Value: value }] }));
      return async () => void (await elb.send(new RemoveTagsCommand({ ResourceArns, TagKeys: [key] })));
    },
    actions: async (service, status) => (await rule(service, status)).actions,
    setActions: async (service, status, actions) => {
      if (service === 'frontend') {
        const ListenerArn = status.loadBalancer.listenerArn;
        await elb.send(new ModifyListenerCommand({ ListenerArn, DefaultActions: [...actions] }));
        return;
      }
      const { arn } = await rule(service, status);
      await elb.send(new ModifyRuleCommand({ RuleArn: arn, Actions: [...actions] }));
    },
    weights: async (service, status) => {
      const { actions } = await rule(service, status);
      const forward = actions.find(({ Type }) => Type === 'forward');
      const groups = forward?.ForwardConfig?.TargetGroups ?? [{ TargetGroupArn: forward?.TargetGroupArn, Weight: 1 }];
      return Object.fromEntries(groups.map(({ TargetGroupArn, Weight }) => [TargetGroupArn ?? '', Weight ?? 1]));
    },
    createGroup: async (name, port) => {
      const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({}));
      const { TargetGroups = [] } = await elb.send(
        new CreateTargetGroupCommand({ Name: name, Protocol: 'HTTP', Port: port, VpcId: Vpcs[0]?.VpcId }),
      );
      return TargetGroups[0]?.TargetGroupArn ?? '';
    },
    register: async (group, instance, port) => {
      const Targets = [{ Id: instance, Port: port }];
      await elb.send(new RegisterTargetsCommand({ TargetGroupArn: group, Targets }));
    },
    deregister: async (group, instance, port) => {
      const Targets = [{ Id: instance, ...(port === undefined ? {} : { Port: port }) }];
      await elb.send(new DeregisterTargetsCommand({ TargetGroupArn: group, Targets }));
    },
    tag: async (instance, key, value) => {
      await ec2.send(new CreateTagsCommand({ Resources: [instance], Tags: [{ Key: key, Value: value }] }));
    },
    shell: async (instance, line) => {
      const { Command } = await ssm.send(
        new SendCommandCommand({
          DocumentName: 'AWS-RunShellScript',
          InstanceIds: [instance],
          Parameters: { commands: [line] },
        }),
      );
      const CommandId = Command?.CommandId ?? '';
      return vi.waitFor(
        async () => {
          const done = await ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: instance }));
          if (done.Status !== 'Success')
            throw new Error(`${line}: ${String(done.Status)} ${done.StandardErrorContent}`);
          return done.StandardOutputContent ?? '';
        },
        { timeout: 10_000, interval: 100 },
      );
    },
    parameter: async (name) => (await ssm.send(new GetParameterCommand({ Name: name }))).Parameter?.Value ?? '',
    parameters: async () => {
      const found: string[] = [];
      let next: string | undefined;
      do {
        const page = await ssm.send(
          new GetParametersByPathCommand({
            Path: '/',
            Recursive: true,
            ...(next === undefined ? {} : { NextToken: next }),
          }),
        );
        found.push(...(page.Parameters ?? []).map(({ Name, Version }) => `${Name ?? ''} ${String(Version)}`));
        next = page.NextToken;
      } while (next !== undefined);
      return found.sort();
    },
    close: () => {
      elb.destroy();
      ssm.destroy();
      ec2.destroy();
    },
  };
}
