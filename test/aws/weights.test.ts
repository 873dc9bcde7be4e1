import { describe, expect, it } from 'vitest';
import type { TargetGroupArn } from '../../src/domain/ids.js';
import type { GroupWeight } from '../../src/domain/observation.js';
import { elb, useBench } from './wire.js';
import type { Answer } from './wire.js';

const arn = 'arn:aws:elasticloadbalancing:eu-central-1:1';
const group = (name: string): TargetGroupArn => `${arn}:targetgroup/${name}/0123`;
const blue = group('blue');
const green = group('green');
const rule = `${arn}:listener-rule/app/shop/1/2/3` as const;
const listener = `${arn}:listener/app/shop/1/2` as const;
const managed = [blue, green];
const bench = useBench();

const tuples = (weights: readonly GroupWeight[]) =>
  weights.map(({ group: target, weight }) => ({ TargetGroupArn: target, Weight: weight }));
const forward = (weights: readonly GroupWeight[], more: object = {}) => ({
  Type: 'forward',
  ForwardConfig: { TargetGroups: tuples(weights), TargetGroupStickinessConfig: { Enabled: false } },
  ...more,
});
const rules = (...actions: object[]): Answer =>
  elb({
    Rules: [
      {
        RuleArn: rule,
        Priority: '10',
        IsDefault: false,
        Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/api/*'] } }],
        Actions: actions,
      },
    ],
  });
const listeners = (...actions: object[]): Answer =>
  elb({ Listeners: [{ ListenerArn: listener, Port: 80, Protocol: 'HTTP', DefaultActions: actions }] });

const all = (a: number, b: number): GroupWeight[] => [
  { group: blue, weight: a },
  { group: green, weight: b },
];

/** A rule that takes what is written, as the load balancer would; `write` may do something else instead. */
function holdRule(start: readonly GroupWeight[], more: object[] = []): void {
  let held = start;
  const { wire } = bench();
  wire.on('DescribeListeners', listeners(forward(start)));
  wire.on('DescribeRules', () => rules(...more, forward(held)));
  wire.on('ModifyRule', (seen) => {
    const number = more.length + 1;
    held = [1, 2, 3, 4, 5].flatMap((n) => {
      const at = `Actions.member.${number}.ForwardConfig.TargetGroups.member.${n}`;
      const target = seen.form[`${at}.TargetGroupArn`];
      return target === undefined
        ? []
        : [{ group: target as TargetGroupArn, weight: Number(seen.form[`${at}.Weight`]) }];
    });
    return elb({ Rules: [] });
  });
}

const frame = async (route: typeof rule | typeof listener = rule): Promise<string> => {
  const views = await bench().aws.traffic.routes([route], managed);
  return views.get(route)?.frame ?? '';
};

describe('setWeights on a rule', () => {
  it('reads, writes once, reads back', async () => {
    holdRule(all(100, 0));
    const change = { route: rule, managed, frame: await frame(), expected: all(100, 0), set: all(90, 10) };
    const view = await bench().aws.traffic.setWeights(change);
    expect(view).toMatchObject({ name: 'HTTP:80 /api/*', weights: all(90, 10), frame: change.frame });
    const [write, ...more] = bench().wire.of('ModifyRule');
    expect(more).toEqual([]);
    expect(write?.form).toEqual({
      Action: 'ModifyRule',
      Version: '2015-12-01',
      RuleArn: rule,
      'Actions.member.1.Type': 'forward',
      'Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn': blue,
      'Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight': '90',
      'Actions.member.1.ForwardConfig.TargetGroups.member.2.TargetGroupArn': green,
      'Actions.member.1.ForwardConfig.TargetGroups.member.2.Weight': '10',
      'Actions.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled': 'false',
    });
  });

  it('sends weight 0 when it appends the idle group, and no TargetGroupArn beside', async () => {
    const { wire, aws } = bench();
    holdRule([{ group: blue, weight: 1 }]);
    wire.on('DescribeRules', (_, times) =>
      wire.of('ModifyRule').length === 0 && times > 0
        ? rules(forward([{ group: blue, weight: 1 }], { TargetGroupArn: blue }))
        : rules(forward(all(100, 0))),
    );
    const expected = [{ group: blue, weight: 1 }];
    await aws.traffic.setWeights({ route: rule, managed, frame: await frame(), expected, set: all(100, 0) });
    const form = wire.of('ModifyRule')[0]?.form ?? {};
    expect(form['Actions.member.1.ForwardConfig.TargetGroups.member.2.Weight']).toBe('0');
    expect(form).not.toHaveProperty(['Actions.member.1.TargetGroupArn']);
  });

  it('sends back OIDC authentication with its existing secret', async () => {
    const oidc = {
      Type: 'authenticate-oidc',
      Order: 1,
      AuthenticateOidcConfig: { Issuer: 'https://id', ClientId: 'c', SessionTimeout: 60 },
    };
    holdRule(all(100, 0), [oidc]);
    await bench().aws.traffic.setWeights({
      route: rule,
      managed,
      frame: await frame(),
      expected: all(100, 0),
      set: all(0, 100),
    });
    expect(bench().wire.of('ModifyRule')[0]?.form).toMatchObject({
      'Actions.member.1.Type': 'authenticate-oidc',
      'Actions.member.1.Order': '1',
      'Actions.member.1.AuthenticateOidcConfig.Issuer': 'https://id',
      'Actions.member.1.AuthenticateOidcConfig.UseExistingClientSecret': 'true',
      'Actions.member.2.Type': 'forward',
    });
  });

  it('writes nothing when the weights are there', async () => {
    holdRule(all(50, 50));
    await bench().aws.traffic.setWeights({
      route: rule,
      managed,
      frame: await frame(),
      expected: all(50, 50),
      set: all(50, 50),
    });
    expect(bench().wire.of('ModifyRule')).toEqual([]);
  });

  it('writes nothing when the weights are not the expected ones, and says both', async () => {
    holdRule(all(70, 30));
    const write = bench().aws.traffic.setWeights({
      route: rule,
      managed,
      frame: await frame(),
      expected: all(100, 0),
      set: all(90, 10),
    });
    await expect(write).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining('blue 70, green 30 where blue 100, green 0 was expected') as string,
    });
    expect(bench().wire.of('ModifyRule')).toEqual([]);
  });

  it('writes nothing when another hand changed the frame', async () => {
    holdRule(all(100, 0));
    const before = await frame();
    bench().wire.on('DescribeRules', rules(forward([...all(100, 0), { group: group('new'), weight: 1 }])));
    const write = bench().aws.traffic.setWeights({
      route: rule,
      managed,
      frame: before,
      expected: all(100, 0),
      set: all(90, 10),
    });
    await expect(write).rejects.toMatchObject({ kind: 'conflict', operation: 'elbv2:ModifyRule' });
    expect(bench().wire.of('ModifyRule')).toEqual([]);
  });

  it('tolerates a read that still shows what was before', async () => {
    const { wire, aws, clock } = bench();
    holdRule(all(100, 0));
    const before = await frame();
    let reads = 0;
    wire.on('DescribeRules', () => {
      reads += wire.of('ModifyRule').length;
      return rules(forward(reads < 3 ? all(100, 0) : all(90, 10)));
    });
    const view = await aws.traffic.setWeights({
      route: rule,
      managed,
      frame: before,
      expected: all(100, 0),
      set: all(90, 10),
    });
    expect(view.weights).toEqual(all(90, 10));
    expect(clock.slept).toHaveLength(2);
  });

  it.each([
    ['the old for good', all(100, 0), 'still shows blue 100, green 0', 3],
    ['something else', all(10, 90), 'shows blue 10, green 90', 1],
  ])('is a conflict when reading back shows %s', async (_, shown, words, reads) => {
    const { wire, aws } = bench();
    holdRule(all(100, 0));
    const before = await frame();
    wire.on('DescribeRules', () => rules(forward(wire.of('ModifyRule').length === 0 ? all(100, 0) : shown)));
    const write = aws.traffic.setWeights({
      route: rule,
      managed,
      frame: before,
      expected: all(100, 0),
      set: all(90, 10),
    });
    await expect(write).rejects.toMatchObject({ kind: 'conflict', message: expect.stringContaining(words) as string });
    expect(wire.of('DescribeRules')).toHaveLength(2 + reads);
  });

  it('may have taken effect when it cannot be read back', async () => {
    const { wire, aws } = bench();
    holdRule(all(100, 0));
    const before = await frame();
    wire.on('DescribeRules', () =>
      wire.of('ModifyRule').length === 0
        ? rules(forward(all(100, 0)))
        : { error: 'AccessDenied', message: 'no', status: 403 },
    );
    const write = aws.traffic.setWeights({
      route: rule,
      managed,
      frame: before,
      expected: all(100, 0),
      set: all(90, 10),
    });
    await expect(write).rejects.toMatchObject({ kind: 'server', mayHaveTakenEffect: true });
  });

  it('sends a write once, whatever comes back', async () => {
    holdRule(all(100, 0));
    const before = await frame();
    bench().wire.on('ModifyRule', { error: 'InternalFailure', status: 500 });
    const write = bench().aws.traffic.setWeights({
      route: rule,
      managed,
      frame: before,
      expected: all(100, 0),
      set: all(90, 10),
    });
    await expect(write).rejects.toMatchObject({ kind: 'server' });
    expect(bench().wire.of('ModifyRule')).toHaveLength(1);
  });
});

it('setWeights writes nothing when it may not any more, after its reading', async () => {
  holdRule(all(100, 0));
  const change = { route: rule, managed, frame: await frame(), expected: all(100, 0), set: all(90, 10) };
  const { aws, wire } = bench();
  await expect(aws.traffic.setWeights({ ...change, mayWrite: () => false })).rejects.toMatchObject({ kind: 'timeout' });
  expect(wire.of('ModifyRule')).toEqual([]);
});

it('setWeights on a listener writes its default actions', async () => {
  const { wire, aws } = bench();
  wire.on('DescribeListeners', () =>
    listeners(forward(wire.of('ModifyListener').length === 0 ? all(1, 0) : all(0, 1))),
  );
  wire.on('ModifyListener', elb({ Listeners: [] }));
  const stickiness = { enabled: false };
  const change = {
    route: listener,
    managed,
    frame: await frame(listener),
    expected: all(1, 0),
    set: all(0, 1),
    stickiness,
  };
  expect(await aws.traffic.setWeights(change)).toMatchObject({ name: 'HTTP:80 default', weights: all(0, 1) });
  expect(wire.of('ModifyListener')[0]?.form).toMatchObject({
    ListenerArn: listener,
    'DefaultActions.member.1.ForwardConfig.TargetGroups.member.1.Weight': '0',
  });
});

it('a route that does not forward is named', async () => {
  bench().wire.on('DescribeListeners', listeners({ Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_301' } }));
  await expect(frame(listener)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining('HTTP:80 default') as string,
  });
});
