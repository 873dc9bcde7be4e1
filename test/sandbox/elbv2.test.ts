import {
  AddTagsCommand,
  CreateRuleCommand,
  CreateTargetGroupCommand,
  DeleteRuleCommand,
  DeleteTargetGroupCommand,
  DeregisterTargetsCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeRulesCommand,
  DescribeTagsCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ModifyListenerCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyRuleCommand,
  ModifyTargetGroupAttributesCommand,
  ModifyTargetGroupCommand,
  paginateDescribeRules,
  RegisterTargetsCommand,
  RemoveTagsCommand,
  SetRulePrioritiesCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Action, CreateTargetGroupCommandInput, Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import type { Kit } from './kit.js';
import { startKit } from './kit.js';

const path = (value: string) => [{ Field: 'path-pattern', PathPatternConfig: { Values: [value] } }];

async function rules(kit: Kit): Promise<Rule[]> {
  const all: Rule[] = [];
  for await (const page of paginateDescribeRules({ client: kit.elb }, { ListenerArn: kit.listenerArn })) {
    all.push(...(page.Rules ?? []));
  }
  return all;
}

function forward(...groups: [arn: string, weight?: number][]): Action {
  return {
    Type: 'forward',
    ForwardConfig: {
      TargetGroups: groups.map(([arn, weight]) => ({
        TargetGroupArn: arn,
        ...(weight === undefined ? {} : { Weight: weight }),
      })),
    },
  };
}

test('the default world, told as ELB tells it', async () => {
  const kit = await startKit();
  const { LoadBalancers: [loadBalancer] = [] } = await kit.elb.send(
    new DescribeLoadBalancersCommand({ Names: ['shop'] }),
  );
  expect(loadBalancer).toMatchObject({
    LoadBalancerArn: kit.status().loadBalancer.arn,
    Type: 'application',
    State: { Code: 'active' },
  });
  const { Listeners: [listener] = [] } = await kit.elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: loadBalancer?.LoadBalancerArn }),
  );
  expect(listener?.Port).toBe(Number(new URL(kit.url).port));
  const blue = kit.group('frontend', 'blue');
  // One group is told in both forms.
  expect(listener?.DefaultActions).toEqual([
    {
      Type: 'forward',
      TargetGroupArn: blue,
      ForwardConfig: {
        TargetGroups: [{ TargetGroupArn: blue, Weight: 1 }],
        TargetGroupStickinessConfig: { Enabled: false },
      },
    },
  ]);
  const [first, last] = await rules(kit);
  expect(first).toMatchObject({
    Priority: '10',
    IsDefault: false,
    Conditions: [{ Field: 'path-pattern', Values: ['/api', '/api/*'] }],
  });
  expect(last).toMatchObject({ Priority: 'default', IsDefault: true, Conditions: [] });
  const { TargetGroups: groups } = await kit.elb.send(new DescribeTargetGroupsCommand({}));
  expect(groups?.map((group) => [group.TargetGroupName, group.Port, group.LoadBalancerArns?.length])).toEqual([
    ['shop-backend-blue', 8081, 1],
    ['shop-backend-green', 8082, 0],
    ['shop-frontend-blue', 8091, 1],
    ['shop-frontend-green', 8092, 0],
  ]);
  const empty = await kit.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: kit.group('backend', 'green') }));
  expect(empty.TargetHealthDescriptions).toEqual([]);
});

test('forward actions: weights, the whole list replaced, what ELB refuses', async () => {
  const kit = await startKit();
  const blue = kit.group('frontend', 'blue');
  const green = kit.group('frontend', 'green');
  const modify = (...actions: Action[]) =>
    kit.elb.send(new ModifyListenerCommand({ ListenerArn: kit.listenerArn, DefaultActions: actions }));

  const { Listeners: [listener] = [] } = await modify(forward([blue, 1], [green, 0]));
  expect(listener?.DefaultActions?.[0]).not.toHaveProperty('TargetGroupArn');
  expect(listener?.DefaultActions?.[0]?.ForwardConfig?.TargetGroups).toEqual([
    { TargetGroupArn: blue, Weight: 1 },
    { TargetGroupArn: green, Weight: 0 },
  ]);

  await expect(modify(forward([blue, 1000]))).rejects.toMatchObject({ name: 'ValidationError' });
  await expect(modify(forward([blue], [blue]))).rejects.toMatchObject({ name: 'ValidationError' });
  await expect(modify(forward([`${blue}x`]))).rejects.toMatchObject({ name: 'TargetGroupNotFoundException' });
  await expect(modify(forward([blue], [green], ['a'], ['b'], ['c'], ['d']))).rejects.toMatchObject({
    name: 'ValidationError',
  });
  await expect(modify()).rejects.toMatchObject({ name: 'ValidationError' });
  await expect(modify({ ...forward([blue], [green]), TargetGroupArn: blue })).rejects.toMatchObject({
    name: 'ValidationError',
  });

  const fixed: Action = { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200' } };
  await expect(modify({ ...forward([blue]), Order: 1 }, { ...fixed, Order: 2 })).rejects.toMatchObject({
    name: 'InvalidLoadBalancerActionException',
  });
  await expect(modify(forward([blue]), fixed)).rejects.toThrow(/Order/);
  await expect(
    modify({
      Type: 'forward',
      ForwardConfig: { TargetGroups: [{ TargetGroupArn: blue }], TargetGroupStickinessConfig: { Enabled: true } },
    }),
  ).rejects.toThrow('Target group stickiness duration must be between 1 and 604800 seconds');
});

test('an OIDC action keeps its secret, never tells it, and is lost by whoever forgets it', async () => {
  const kit = await startKit();
  const blue = kit.group('frontend', 'blue');
  const oidc: Action = {
    Type: 'authenticate-oidc',
    Order: 1,
    AuthenticateOidcConfig: {
      Issuer: 'https://id.example.com',
      AuthorizationEndpoint: 'https://id.example.com/a',
      TokenEndpoint: 'https://id.example.com/t',
      UserInfoEndpoint: 'https://id.example.com/u',
      ClientId: 'shop',
      ClientSecret: 'hush',
      AuthenticationRequestExtraParams: { prompt: 'login' },
    },
  };
  const modify = (...actions: Action[]) =>
    kit.elb.send(new ModifyListenerCommand({ ListenerArn: kit.listenerArn, DefaultActions: actions }));
  const { Listeners: [listener] = [] } = await modify(oidc, { ...forward([blue]), Order: 2 });
  const [described, last] = listener?.DefaultActions ?? [];
  expect(described?.AuthenticateOidcConfig).not.toHaveProperty('ClientSecret');
  expect(described?.AuthenticateOidcConfig?.AuthenticationRequestExtraParams).toEqual({ prompt: 'login' });
  if (described?.AuthenticateOidcConfig === undefined || last === undefined) {
    throw new Error('two actions were expected');
  }
  await expect(modify(described, last)).rejects.toThrow(/ClientSecret/);
  await expect(
    modify(
      { ...described, AuthenticateOidcConfig: { ...described.AuthenticateOidcConfig, UseExistingClientSecret: true } },
      last,
    ),
  ).resolves.toBeDefined();
});

test('rules: priorities, pages, the default rule', async () => {
  const kit = await startKit();
  const actions = [forward([kit.group('backend', 'blue')])];
  const create = (priority: number) =>
    kit.elb.send(
      new CreateRuleCommand({
        ListenerArn: kit.listenerArn,
        Priority: priority,
        Conditions: path(`/p${priority}`),
        Actions: actions,
      }),
    );
  for (const priority of [30, 20, 40, 50, 60, 70]) {
    await create(priority);
  }
  await expect(create(20)).rejects.toMatchObject({ name: 'PriorityInUseException' });
  expect((await rules(kit)).map((rule) => rule.Priority)).toEqual([
    '10',
    '20',
    '30',
    '40',
    '50',
    '60',
    '70',
    'default',
  ]);
  const onePage = await kit.elb.send(new DescribeRulesCommand({ ListenerArn: kit.listenerArn }));
  expect(onePage.Rules).toHaveLength(5);
  expect(onePage.NextMarker).toBeDefined();

  const [ten, twenty] = await rules(kit);
  const reorder = (priorities: [arn: string | undefined, priority: number][]) =>
    kit.elb.send(
      new SetRulePrioritiesCommand({
        RulePriorities: priorities.map(([RuleArn, Priority]) => ({ RuleArn, Priority })),
      }),
    );
  await reorder([
    [ten?.RuleArn, 20],
    [twenty?.RuleArn, 10],
  ]);
  expect((await rules(kit))[0]?.RuleArn).toBe(twenty?.RuleArn);
  await expect(reorder([[ten?.RuleArn, 30]])).rejects.toMatchObject({ name: 'PriorityInUseException' });

  const fallback = (await rules(kit)).at(-1);
  await expect(reorder([[fallback?.RuleArn, 5]])).rejects.toMatchObject({ name: 'OperationNotPermittedException' });
  await expect(kit.elb.send(new DeleteRuleCommand({ RuleArn: fallback?.RuleArn }))).rejects.toMatchObject({
    name: 'OperationNotPermittedException',
  });
  await kit.elb.send(new DeleteRuleCommand({ RuleArn: ten?.RuleArn }));
  await expect(kit.elb.send(new ModifyRuleCommand({ RuleArn: ten?.RuleArn, Actions: actions }))).rejects.toMatchObject({
    name: 'RuleNotFoundException',
  });
  // Actions alone are replaced: the conditions stay.
  const { Rules: [changed] = [] } = await kit.elb.send(
    new ModifyRuleCommand({ RuleArn: twenty?.RuleArn, Actions: actions }),
  );
  expect(changed?.Conditions?.[0]?.Values).toEqual(['/p20']);
});

test('target groups: life, attributes, health check settings, stickiness, tags', async () => {
  const kit = await startKit();
  const vpc = (await kit.elb.send(new DescribeTargetGroupsCommand({}))).TargetGroups?.[0]?.VpcId;
  const tagged = [{ Key: 'a', Value: 'b' }];
  const input: CreateTargetGroupCommandInput = {
    Name: 'extra',
    Protocol: 'HTTP',
    Port: 9000,
    VpcId: vpc,
    Tags: tagged,
  };
  const { TargetGroups: [group] = [] } = await kit.elb.send(new CreateTargetGroupCommand(input));
  expect(group).toMatchObject({
    HealthCheckIntervalSeconds: 30,
    HealthyThresholdCount: 5,
    Matcher: { HttpCode: '200' },
  });
  const again = await kit.elb.send(new CreateTargetGroupCommand(input));
  expect(again.TargetGroups?.[0]?.TargetGroupArn).toBe(group?.TargetGroupArn);
  await expect(kit.elb.send(new CreateTargetGroupCommand({ ...input, Port: 9001 }))).rejects.toMatchObject({
    name: 'DuplicateTargetGroupNameException',
  });

  const arn = group?.TargetGroupArn ?? '';
  await expect(
    kit.elb.send(
      new ModifyTargetGroupCommand({
        TargetGroupArn: arn,
        HealthCheckIntervalSeconds: 5,
        HealthCheckTimeoutSeconds: 5,
      }),
    ),
  ).rejects.toMatchObject({ name: 'ValidationError' });
  await kit.elb.send(new ModifyTargetGroupCommand({ TargetGroupArn: arn, HealthCheckPath: '/up' }));

  const setAttribute = (target: string, Key: string, Value: string) =>
    kit.elb.send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn: target, Attributes: [{ Key, Value }] }));
  await setAttribute(arn, 'deregistration_delay.timeout_seconds', '15');
  const attributes = await kit.elb.send(new DescribeTargetGroupAttributesCommand({ TargetGroupArn: arn }));
  expect(attributes.Attributes).toContainEqual({ Key: 'deregistration_delay.timeout_seconds', Value: '15' });
  await expect(setAttribute(arn, 'deregistration_delay.timeout_seconds', '4000')).rejects.toThrow(/0 to 3600/);
  await expect(setAttribute(arn, 'nope', '1')).rejects.toThrow(/not recognized/);

  // Target stickiness of one group among several needs group stickiness of the rule, from either side.
  const blue = kit.group('frontend', 'blue');
  await kit.elb.send(
    new ModifyListenerCommand({ ListenerArn: kit.listenerArn, DefaultActions: [forward([blue, 1], [arn, 0])] }),
  );
  await expect(setAttribute(blue, 'stickiness.enabled', 'true')).rejects.toMatchObject({
    name: 'InvalidConfigurationRequestException',
  });
  await expect(kit.elb.send(new DeleteTargetGroupCommand({ TargetGroupArn: arn }))).rejects.toMatchObject({
    name: 'ResourceInUseException',
  });
  await kit.elb.send(new ModifyListenerCommand({ ListenerArn: kit.listenerArn, DefaultActions: [forward([blue])] }));
  await setAttribute(blue, 'stickiness.enabled', 'true');
  await expect(
    kit.elb.send(
      new ModifyListenerCommand({ ListenerArn: kit.listenerArn, DefaultActions: [forward([blue, 1], [arn, 0])] }),
    ),
  ).rejects.toMatchObject({ name: 'InvalidConfigurationRequestException' });

  await kit.elb.send(new AddTagsCommand({ ResourceArns: [arn], Tags: [{ Key: 'c', Value: 'd' }] }));
  await kit.elb.send(new RemoveTagsCommand({ ResourceArns: [arn], TagKeys: ['a'] }));
  const tags = await kit.elb.send(new DescribeTagsCommand({ ResourceArns: [arn] }));
  expect(tags.TagDescriptions?.[0]?.Tags).toEqual([{ Key: 'c', Value: 'd' }]);
  await kit.elb.send(new DeleteTargetGroupCommand({ TargetGroupArn: arn }));
  await expect(kit.elb.send(new DescribeTagsCommand({ ResourceArns: [arn] }))).rejects.toMatchObject({
    name: 'TargetGroupNotFoundException',
  });
  const loadBalancer = kit.status().loadBalancer.arn;
  await kit.elb.send(
    new ModifyLoadBalancerAttributesCommand({
      LoadBalancerArn: loadBalancer,
      Attributes: [{ Key: 'idle_timeout.timeout_seconds', Value: '120' }],
    }),
  );
});

test('targets that cannot be registered, and those that never were', async () => {
  const kit = await startKit();
  const [first = '', second = ''] = kit.ids;
  const green = kit.group('backend', 'green');
  const targets = (id: string) => ({ TargetGroupArn: green, Targets: [{ Id: id }] });
  await expect(kit.elb.send(new RegisterTargetsCommand(targets('i-00000000000000000')))).rejects.toMatchObject({
    name: 'InvalidTargetException',
  });
  await kit.control('POST', 'fault', { kind: 'instance-stop', instance: second });
  await expect(kit.elb.send(new RegisterTargetsCommand(targets(second)))).rejects.toThrow(/running/);
  await expect(kit.elb.send(new DeregisterTargetsCommand(targets(first)))).resolves.toBeDefined();
  const asked = await kit.elb.send(new DescribeTargetHealthCommand(targets(first)));
  expect(asked.TargetHealthDescriptions).toMatchObject([
    { Target: { Id: first, Port: 8082 }, TargetHealth: { State: 'unused', Reason: 'Target.NotRegistered' } },
  ]);
  await expect(kit.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: `${green}0` }))).rejects.toMatchObject({
    name: 'TargetGroupNotFoundException',
  });
});
