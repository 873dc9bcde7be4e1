import fc from 'fast-check';
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { describe, expect, it } from 'vitest';
import { forwardOf, frameOf, sameStickiness, withWeights } from '../../src/aws/actions.js';
import type { TargetGroupArn } from '../../src/domain/ids.js';

const group = (name: string): TargetGroupArn => `arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/${name}/0123`;
const blue = group('blue');
const green = group('green');
const other = group('other');
const managed = [blue, green];

const single: Action[] = [
  {
    Type: 'forward',
    TargetGroupArn: blue,
    ForwardConfig: {
      TargetGroups: [{ TargetGroupArn: blue, Weight: 1 }],
      TargetGroupStickinessConfig: { Enabled: false },
    },
  },
];
const forward = (a: number, b: number): Action => ({
  Type: 'forward',
  Order: 1,
  ForwardConfig: {
    TargetGroups: [
      { TargetGroupArn: blue, Weight: a },
      { TargetGroupArn: green, Weight: b },
    ],
    TargetGroupStickinessConfig: { Enabled: false },
  },
});
const pair = (a: number, b: number): Action[] => [forward(a, b)];
const written = (result: ReturnType<typeof withWeights>): Action[] => {
  if ('refused' in result) {
    throw new Error(result.refused);
  }
  return result.actions;
};

describe('a list with two managed groups', () => {
  it('gets the weights, and nothing else is different', () => {
    expect(
      written(
        withWeights(pair(100, 0), [
          { group: blue, weight: 90 },
          { group: green, weight: 10 },
        ]),
      ),
    ).toEqual(pair(90, 10));
  });

  it.each([
    [1000, 'weight 1000'],
    [-1, 'weight -1'],
    [0.5, 'weight 0.5'],
  ])('is refused with weight %d', (weight, words) => {
    expect(withWeights(pair(100, 0), [{ group: blue, weight }])).toEqual({ refused: expect.stringContaining(words) });
  });

  it('is refused when no weight would be left', () => {
    const result = withWeights(pair(100, 0), [{ group: blue, weight: 0 }]);
    expect(result).toEqual({ refused: expect.stringContaining('all weights would be 0') });
  });

  it('may drain the managed groups when another group carries the traffic', () => {
    const action = forward(1, 0);
    const three = [
      {
        ...action,
        ForwardConfig: {
          TargetGroups: [...(action.ForwardConfig?.TargetGroups ?? []), { TargetGroupArn: other, Weight: 1 }],
        },
      },
    ];
    expect(withWeights(three, [{ group: blue, weight: 0 }])).toHaveProperty('actions');
  });

  it('is refused with a sixth group', () => {
    const five: Action[] = [
      {
        Type: 'forward',
        ForwardConfig: {
          TargetGroups: ['a', 'b', 'c', 'd', 'e'].map((n) => ({ TargetGroupArn: group(n), Weight: 1 })),
        },
      },
    ];
    expect(withWeights(five, [{ group: green, weight: 0 }])).toEqual({
      refused: expect.stringContaining('6 target groups'),
    });
  });
});

describe('a list with one group', () => {
  it('loses TargetGroupArn when the second is appended', () => {
    const [action] = written(
      withWeights(single, [
        { group: blue, weight: 100 },
        { group: green, weight: 0 },
      ]),
    );
    expect(action).not.toHaveProperty('TargetGroupArn');
    expect(action?.ForwardConfig?.TargetGroups).toEqual([
      { TargetGroupArn: blue, Weight: 100 },
      { TargetGroupArn: green, Weight: 0 },
    ]);
  });

  it('keeps TargetGroupArn while it has one', () => {
    expect(written(withWeights(single, [{ group: blue, weight: 7 }]))[0]?.TargetGroupArn).toBe(blue);
  });

  it('reads the short form without ForwardConfig', () => {
    expect(forwardOf([{ Type: 'forward', TargetGroupArn: blue }])).toEqual({
      is: 'forward',
      weights: [{ group: blue, weight: 1 }],
      stickiness: { enabled: false },
    });
  });
});

describe('authentication before the forward', () => {
  const oidc: Action = {
    Type: 'authenticate-oidc',
    Order: 1,
    AuthenticateOidcConfig: {
      Issuer: 'https://id.example',
      AuthorizationEndpoint: 'https://id.example/a',
      TokenEndpoint: 'https://id.example/t',
      UserInfoEndpoint: 'https://id.example/u',
      ClientId: 'shop',
      SessionTimeout: 604800,
    },
  };
  const cognito: Action = {
    Type: 'authenticate-cognito',
    Order: 1,
    AuthenticateCognitoConfig: { UserPoolArn: 'arn:p', UserPoolClientId: 'c', UserPoolDomain: 'd' },
  };
  const jwt: Action = {
    Type: 'jwt-validation',
    Order: 1,
    JwtValidationConfig: { JwksEndpoint: 'https://id.example/jwks', Issuer: 'https://id.example' },
  };

  it('keeps the OIDC secret that the answer does not have', () => {
    const [auth] = written(withWeights([oidc, ...pair(1, 0)], [{ group: green, weight: 1 }]));
    expect(auth).toEqual({
      ...oidc,
      AuthenticateOidcConfig: { ...oidc.AuthenticateOidcConfig, UseExistingClientSecret: true },
    });
    expect(auth?.AuthenticateOidcConfig).not.toHaveProperty('ClientSecret');
  });

  it.each([cognito, jwt])('goes back as it came: $Type', (auth) => {
    expect(written(withWeights([auth, ...pair(1, 0)], [{ group: green, weight: 1 }]))[0]).toBe(auth);
  });

  it('is part of the frame', () => {
    expect(frameOf([cognito, ...pair(1, 0)], managed)).not.toBe(frameOf(pair(1, 0), managed));
    expect(frameOf([oidc, ...pair(1, 0)], managed)).not.toBe(frameOf([cognito, ...pair(1, 0)], managed));
  });
});

describe('stickiness', () => {
  it('is left alone unless asked', () => {
    const action = forward(1, 0);
    const sticky = { Enabled: true, DurationSeconds: 60 };
    const actions = [{ ...action, ForwardConfig: { ...action.ForwardConfig, TargetGroupStickinessConfig: sticky } }];
    const [after] = written(withWeights(actions, [{ group: green, weight: 5 }]));
    expect(after?.ForwardConfig?.TargetGroupStickinessConfig).toEqual(sticky);
  });

  it('is turned on with a duration, and off with the duration kept', () => {
    const on = written(withWeights(pair(1, 0), [], { enabled: true, seconds: 300 }));
    expect(on[0]?.ForwardConfig?.TargetGroupStickinessConfig).toEqual({ Enabled: true, DurationSeconds: 300 });
    const off = written(withWeights(on, [], { enabled: false }));
    expect(off[0]?.ForwardConfig?.TargetGroupStickinessConfig).toEqual({ Enabled: false, DurationSeconds: 300 });
  });

  it('is refused without a duration', () => {
    expect(withWeights(pair(1, 0), [], { enabled: true })).toEqual({ refused: expect.stringContaining('no seconds') });
  });

  it.each([
    [{ enabled: false, seconds: 60 }, { enabled: false }, true],
    [{ enabled: true, seconds: 60 }, { enabled: true, seconds: 60 }, true],
    [{ enabled: true, seconds: 60 }, { enabled: true, seconds: 61 }, false],
    [{ enabled: true, seconds: 60 }, { enabled: false }, false],
    [{ enabled: true, seconds: 60 }, undefined, true],
  ])('%o as asked %o: %s', (is, asked, same) => {
    expect(sameStickiness(is, asked)).toBe(same);
  });
});

describe('what a route does instead', () => {
  it.each([
    [[{ Type: 'redirect' as const }], 'redirect'],
    [[{ Type: 'fixed-response' as const }], 'fixed-response'],
    [[], 'no action'],
  ])('%o', (actions, type) => {
    expect(forwardOf(actions)).toEqual({ is: 'other', type });
  });
});

describe('the frame', () => {
  const weight = fc.integer({ min: 0, max: 999 });

  it('does not depend on managed weights, on stickiness, on Order or on a group that we append', () => {
    fc.assert(
      fc.property(weight, weight, fc.boolean(), fc.integer({ min: 1, max: 604800 }), (a, b, enabled, seconds) => {
        fc.pre(a + b > 0);
        const set = [
          { group: blue, weight: a },
          { group: green, weight: b },
        ];
        const before = frameOf(single, managed);
        expect(frameOf(written(withWeights(single, set, { enabled, seconds })), managed)).toBe(before);
        expect(frameOf(pair(a, b), managed)).toBe(before);
      }),
      { numRuns: 50 },
    );
  });

  it('has no weights in it, which are expected by themselves, and not the place of a group', () => {
    const list = (w: number, first: boolean): Action[] => {
      const tuple = { TargetGroupArn: other, Weight: w };
      const action = forward(1, 1);
      const ours = action.ForwardConfig?.TargetGroups ?? [];
      return [{ Type: 'forward', ForwardConfig: { TargetGroups: first ? [tuple, ...ours] : [...ours, tuple] } }];
    };
    expect(frameOf(list(1, true), managed)).toBe(frameOf(list(1, false), managed));
    expect(frameOf(list(1, true), managed)).toBe(frameOf(list(2, true), managed));
    expect(frameOf(list(1, true), managed)).not.toBe(frameOf(pair(1, 1), managed));
  });

  it('is the same whatever the order of the keys', () => {
    const a: Action = {
      Type: 'authenticate-cognito',
      AuthenticateCognitoConfig: { UserPoolArn: 'p', UserPoolClientId: 'c', UserPoolDomain: 'd' },
    };
    const b: Action = {
      AuthenticateCognitoConfig: { UserPoolDomain: 'd', UserPoolClientId: 'c', UserPoolArn: 'p' },
      Type: 'authenticate-cognito',
    };
    expect(frameOf([a], managed)).toBe(frameOf([b], managed));
  });
});

it('writes exactly the weights asked for, whatever was there', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ i: fc.integer({ min: 0, max: 4 }), weight: fc.integer({ min: 0, max: 999 }) }), {
        maxLength: 5,
      }),
      fc.integer({ min: 1, max: 999 }),
      (raw, w) => {
        const names = [...new Map(raw.map(({ i, weight: was }) => [i, was]))];
        const there = names.map(([i, was]) => ({ TargetGroupArn: group(`g${i}`), Weight: was }));
        const result = withWeights(
          [{ Type: 'forward', ForwardConfig: { TargetGroups: there } }],
          [{ group: group('g0'), weight: w }],
        );
        const after = forwardOf(written(result));
        expect(after.is).toBe('forward');
        const weights = after.is === 'forward' ? after.weights : [];
        expect(weights.find((one) => one.group === group('g0'))?.weight).toBe(w);
        for (const tuple of there.filter((one) => one.TargetGroupArn !== group('g0'))) {
          expect(weights.find((one) => one.group === tuple.TargetGroupArn)?.weight).toBe(tuple.Weight);
        }
      },
    ),
    { numRuns: 100 },
  );
});
