import { describe, expect, it } from 'vitest';
import type { RouteName } from '../../src/domain/settings.js';
import type { TargetGroupArn } from '../../src/domain/ids.js';
import { elb, useBench, xml } from './wire.js';
import type { Answer, Seen } from './wire.js';

const arn = 'arn:aws:elasticloadbalancing:eu-central-1:1';
const group = (name: string): TargetGroupArn => `${arn}:targetgroup/${name}/0123`;
const balancer = `${arn}:loadbalancer/app/shop/1`;
const listenerArn = (id: string) => `${arn}:listener/app/shop/1/${id}` as const;
const ruleArn = (listener: string, id: string) => `${arn}:listener-rule/app/shop/1/${listener}/${id}` as const;
const a = 'i-0aaaaaaaaaaaaaaaa';
const b = 'i-0bbbbbbbbbbbbbbbb';
const bench = useBench();

const forward = (...names: string[]) => ({
  Type: 'forward',
  ForwardConfig: { TargetGroups: names.map((name) => ({ TargetGroupArn: group(name), Weight: 1 })) },
});
const redirect = { Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_301' } };
const path = (...values: string[]) => ({ Field: 'path-pattern', PathPatternConfig: { Values: values } });
const host = (...values: string[]) => ({ Field: 'host-header', HostHeaderConfig: { Values: values } });
const header = { Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'x', Values: ['y'] } };

interface FakeRule {
  readonly id: string;
  readonly conditions: readonly object[];
  readonly action: object;
}

/** Port 80 redirects to port 443, which has rules. */
function shop(
  rules: readonly FakeRule[],
  ports: Readonly<Record<number, object>> = { 80: redirect, 443: forward('web') },
): void {
  const { wire } = bench();
  wire.on('DescribeLoadBalancers', (seen) =>
    seen.form['Names.member.1'] === 'shop'
      ? elb({ LoadBalancers: [{ LoadBalancerArn: balancer, LoadBalancerName: 'shop' }] })
      : { error: 'LoadBalancerNotFound', message: 'no' },
  );
  wire.on(
    'DescribeListeners',
    elb({
      Listeners: Object.entries(ports).map(([port, action]) => ({
        ListenerArn: listenerArn(port),
        Port: port,
        Protocol: port === '443' ? 'HTTPS' : 'HTTP',
        DefaultActions: [action],
      })),
    }),
  );
  wire.on('DescribeRules', (seen) => {
    const port = seen.form['ListenerArn']?.split('/').at(-1);
    const own = port === '443' || port === undefined ? rules : [];
    return elb({
      Rules: [
        ...own.map(({ id, conditions, action }, index) => ({
          RuleArn: ruleArn('443', id),
          Priority: String(index + 1),
          IsDefault: false,
          Conditions: conditions,
          Actions: [action],
        })),
        { RuleArn: ruleArn(port ?? '443', 'd'), Priority: 'default', IsDefault: true, Actions: [forward('web')] },
      ],
    });
  });
}

const api: FakeRule = { id: 'api', conditions: [path('/api', '/api/*')], action: forward('blue', 'green') };
const canary: FakeRule = { id: 'canary', conditions: [path('/api/*'), header], action: forward('canary') };
const admin: FakeRule = {
  id: 'admin',
  conditions: [host('Admin.example.com'), path('/api/*')],
  action: forward('admin'),
};

describe('resolveRoute', () => {
  const resolve = (match: Omit<Extract<RouteName, { is: 'match' }>, 'is' | 'loadBalancer'>, loadBalancer = 'shop') =>
    bench().aws.traffic.resolveRoute({ is: 'match', loadBalancer, ...match });

  it.each([
    [{ port: 443 }, listenerArn('443')],
    [{ port: 80 }, listenerArn('80')],
    // The listener that only redirects does not fit.
    [{}, listenerArn('443')],
    [{ port: 443, path: '/api/*' }, ruleArn('443', 'api')],
    [{ path: '/api/*' }, ruleArn('443', 'api')],
    [{ path: '/api' }, ruleArn('443', 'api')],
    [{ path: '/api/*', host: 'admin.example.com' }, ruleArn('443', 'admin')],
  ])('%o', async (match, expected) => {
    shop([canary, admin, api]);
    expect(await resolve(match)).toBe(expected);
  });

  it.each([
    [{ port: 8080 }, 'not-found', 'there is HTTP:80 default, HTTPS:443 default'.replaceAll(' default', '')],
    [
      { path: '/nothing' },
      'not-found',
      'HTTPS:443 /api/* (and http-header), HTTPS:443 Admin.example.com/api/*, HTTPS:443 /api|/api/*',
    ],
    [{ host: 'admin.example.com' }, 'not-found', 'no route fits'],
  ])('%o is %s', async (match, kind, words) => {
    shop([canary, admin, api]);
    await expect(resolve(match)).rejects.toMatchObject({ kind, message: expect.stringContaining(words) as string });
  });

  it('does not choose between two that fit', async () => {
    shop([], { 80: forward('web'), 443: forward('web') });
    await expect(resolve({})).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('HTTP:80 default') as string,
    });
    shop([api, { ...api, id: 'again' }]);
    await expect(resolve({ path: '/api/*' })).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('names a load balancer that is not there', async () => {
    shop([]);
    await expect(resolve({}, 'shap')).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('no load balancer shap') as string,
    });
  });

  it('takes the ARN of a listener or rule as it is, and no other', async () => {
    const { traffic } = bench().aws;
    expect(await traffic.resolveRoute({ is: 'arn', arn: listenerArn('443') })).toBe(listenerArn('443'));
    await expect(traffic.resolveRoute({ is: 'arn', arn: group('blue') })).rejects.toMatchObject({ kind: 'invalid' });
    expect(bench().wire.calls).toEqual([]);
  });
});

describe('routes', () => {
  it('reads all rules in one call and all listeners in one', async () => {
    shop([api, admin]);
    const wanted = [ruleArn('443', 'api'), ruleArn('443', 'admin'), listenerArn('443')];
    const views = await bench().aws.traffic.routes(wanted, []);
    expect([...views.values()].map(({ name }) => name).sort()).toEqual([
      'HTTPS:443 /api|/api/*',
      'HTTPS:443 Admin.example.com/api/*',
      'HTTPS:443 default',
    ]);
    expect(
      bench()
        .wire.calls.map(({ operation }) => operation)
        .sort(),
    ).toEqual(['DescribeListeners', 'DescribeRules']);
  });

  it('names the route that is gone', async () => {
    shop([api]);
    await expect(bench().aws.traffic.routes([ruleArn('443', 'gone')], [])).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining(ruleArn('443', 'gone')) as string,
    });
    bench().wire.on('DescribeRules', { error: 'RuleNotFound', message: 'One or more rules not found' });
    await expect(bench().aws.traffic.routes([ruleArn('443', 'gone')], [])).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining(ruleArn('443', 'gone')) as string,
    });
  });
});

const groupFields = (name: string, more: object = {}): object => ({
  TargetGroupArn: group(name),
  TargetGroupName: name,
  TargetType: 'instance',
  Port: 8081,
  LoadBalancerArns: [balancer],
  HealthCheckPath: '/health',
  HealthCheckIntervalSeconds: 10,
  HealthCheckTimeoutSeconds: 3,
  HealthyThresholdCount: 5,
  UnhealthyThresholdCount: 2,
  ...more,
});
/** DescribeTargetGroups for these names: all of them, or those asked for by ARN; one that is not there fails the call. */
const describeGroups =
  (...names: string[]) =>
  (seen: Seen): Answer => {
    const asked = Object.entries(seen.form).flatMap(([key, value]) => (key.startsWith('TargetGroupArns') ? value : []));
    const missing = asked.some((one) => !names.some((name) => group(name) === one));
    return missing
      ? { error: 'TargetGroupNotFound', message: 'One or more target groups not found' }
      : elb({
          TargetGroups: names
            .filter((name) => asked.length === 0 || asked.includes(group(name)))
            .map((name) => groupFields(name)),
        });
  };
const health = (...targets: readonly [string, number, string, string?][]): Answer =>
  elb({
    TargetHealthDescriptions: targets.map(([Id, Port, State, Reason]) => ({
      Target: { Id, Port },
      TargetHealth: { State, Reason },
    })),
  });

it('routesUsing finds listeners and rules by their groups', async () => {
  shop([api, admin]);
  bench().wire.on('DescribeTargetGroups', describeGroups('green', 'web'));
  const uses = await bench().aws.traffic.routesUsing([group('green'), group('web')]);
  expect(uses).toEqual([
    { route: listenerArn('443'), name: 'HTTPS:443 default', groups: [group('web')] },
    { route: ruleArn('443', 'api'), name: 'HTTPS:443 /api|/api/*', groups: [group('blue'), group('green')] },
  ]);
});

describe('groups', () => {
  it('have their settings in ms', async () => {
    bench().wire.on('DescribeTargetGroups', describeGroups('blue'));
    bench().wire.on(
      'DescribeTargetGroupAttributes',
      elb({
        Attributes: [
          { Key: 'deregistration_delay.timeout_seconds', Value: '30' },
          { Key: 'stickiness.enabled', Value: 'true' },
          { Key: 'slow_start.duration_seconds', Value: '0' },
          { Key: 'load_balancing.cross_zone.enabled', Value: 'use_load_balancer_configuration' },
        ],
      }),
    );
    expect(await bench().aws.traffic.groups([group('blue')])).toEqual([
      {
        arn: group('blue'),
        name: 'blue',
        targetType: 'instance',
        port: 8081,
        loadBalancers: [balancer],
        healthPath: '/health',
        healthInterval: 10_000,
        healthTimeout: 3_000,
        healthyThreshold: 5,
        unhealthyThreshold: 2,
        deregistrationDelay: 30_000,
        groupStickiness: true,
        slowStart: 0,
        crossZone: true,
        failOpenBelow: { count: 1 },
      },
    ]);
  });

  it('names the one that is not there', async () => {
    bench().wire.on('DescribeTargetGroups', describeGroups('blue'));
    await expect(bench().aws.traffic.groups([group('blue'), group('grene')])).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('no target group grene') as string,
    });
  });

  it('are found by name', async () => {
    bench().wire.on('DescribeTargetGroups', (seen) =>
      seen.form['Names.member.1'] === 'blue'
        ? describeGroups('blue')({ ...seen, form: {} })
        : { error: 'TargetGroupNotFound', message: 'no' },
    );
    const { traffic } = bench().aws;
    expect(await traffic.resolveGroup({ is: 'name', name: 'blue' })).toBe(group('blue'));
    await expect(traffic.resolveGroup({ is: 'name', name: 'blau' })).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('no target group blau') as string,
    });
  });

  it('that hold an instance and port, over all pages', async () => {
    const { wire, aws } = bench();
    wire.on('DescribeTargetGroups', (seen) =>
      seen.form['Marker'] === undefined
        ? {
            xml: xml({
              TargetGroups: [groupFields('blue'), groupFields('ips', { TargetType: 'ip' })],
              NextMarker: 'm',
            }),
          }
        : describeGroups('other', 'gone')({ ...seen, form: {} }),
    );
    wire.on('DescribeTargetHealth', (seen) => {
      switch (seen.form['TargetGroupArn']) {
        case group('blue'):
          return health([a, 8081, 'healthy'], [b, 8081, 'healthy']);
        case group('other'):
          return health([a, 8081, 'unused'], [a, 9999, 'healthy']);
        default:
          return { error: 'TargetGroupNotFound', message: 'no' };
      }
    });
    expect(await aws.traffic.groupsHolding([`${a}:8081`])).toEqual([
      { group: group('blue'), name: 'blue', target: `${a}:8081` },
      { group: group('other'), name: 'other', target: `${a}:8081` },
    ]);
  });
});

describe('targets', () => {
  it('are listed with state and reason', async () => {
    bench().wire.on(
      'DescribeTargetHealth',
      health(
        [a, 8081, 'healthy'],
        [b, 8081, 'initial', 'Elb.RegistrationInProgress'],
        ['10.0.0.1', 80, 'healthy'],
        [b, 1, 'new-state'],
      ),
    );
    expect(await bench().aws.traffic.targets(group('blue'))).toEqual(
      new Map([
        [`${a}:8081`, { state: 'healthy' }],
        [`${b}:8081`, { state: 'initial', reason: 'Elb.RegistrationInProgress' }],
        [`${b}:1`, { state: 'unavailable' }],
      ]),
    );
  });

  it('may be none; an answer without the list is not none', async () => {
    bench().wire.on('DescribeTargetHealth', { xml: '<TargetHealthDescriptions/>' });
    expect(await bench().aws.traffic.targets(group('blue'))).toEqual(new Map());
    bench().wire.on('DescribeTargetHealth', { xml: '' });
    await expect(bench().aws.traffic.targets(group('blue'))).rejects.toMatchObject({ kind: 'server' });
  });

  it('a throttled read is repeated', async () => {
    bench().wire.on('DescribeTargetHealth', (_, times) =>
      times === 1 ? { error: 'Throttling', message: 'Rate exceeded' } : health([a, 1, 'healthy']),
    );
    expect((await bench().aws.traffic.targets(group('blue'))).size).toBe(1);
    expect(bench().wire.calls).toHaveLength(2);
  });

  it('are registered by 100, with their port', async () => {
    bench().wire.on('RegisterTargets', elb({}));
    bench().wire.on('DeregisterTargets', elb({}));
    const many = Array.from({ length: 101 }, (_, index) => ({
      instance: `i-${String(index).padStart(8, '0')}` as const,
      port: 8081,
    }));
    await bench().aws.traffic.register(group('blue'), many);
    await bench().aws.traffic.deregister(group('blue'), [{ instance: a, port: 8081 }]);
    const [first, second, last] = bench().wire.calls;
    expect(first?.form['Targets.member.100.Port']).toBe('8081');
    expect(second?.form).toMatchObject({ 'Targets.member.1.Id': 'i-00000100' });
    expect(last?.form).toMatchObject({
      Action: 'DeregisterTargets',
      'Targets.member.1.Id': a,
      'Targets.member.1.Port': '8081',
    });
  });
});
