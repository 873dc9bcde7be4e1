import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { expectClean, openShop, rolloutTo } from './kit.js';

/** A route whose action holds more than deployctl manages: a login before it, stickiness, and a group of someone else. */
describe('what others put into a route', () => {
  let shop: Shop;
  let canary: string;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    canary = await shop.aws.createGroup('shop-canary', 9000);
    const blue = shop.status.targetGroups.find(({ service, color }) => service === 'backend' && color === 'blue');
    await shop.aws.setActions('backend', shop.status, [
      {
        Type: 'authenticate-oidc',
        Order: 1,
        AuthenticateOidcConfig: {
          Issuer: 'https://login.example.com',
          AuthorizationEndpoint: 'https://login.example.com/authorize',
          TokenEndpoint: 'https://login.example.com/token',
          UserInfoEndpoint: 'https://login.example.com/me',
          ClientId: 'shop',
          ClientSecret: 'not-shown-by-any-call',
          // Lets requests without a login through, which the load of these tests sends.
          OnUnauthenticatedRequest: 'allow',
          SessionTimeout: 3600,
        },
      },
      {
        Type: 'forward',
        Order: 2,
        ForwardConfig: {
          TargetGroups: [
            { TargetGroupArn: blue?.arn, Weight: 7 },
            { TargetGroupArn: canary, Weight: 0 },
          ],
          TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
        },
      },
    ]);
  });
  afterAll(() => shop.dispose());

  /** The action list without the weights of the two groups of the backend. */
  const foreign = (actions: readonly Action[]): unknown => {
    const ours = new Set(shop.status.targetGroups.filter(({ service }) => service === 'backend').map(({ arn }) => arn));
    return actions.map(({ ForwardConfig, ...rest }) => ({
      ...rest,
      stickiness: ForwardConfig?.TargetGroupStickinessConfig,
      groups: ForwardConfig?.TargetGroups?.filter(({ TargetGroupArn }) => !ours.has(TargetGroupArn ?? '')),
    }));
  };

  it.each([
    ['a shift', 0, rolloutTo({ backend: '1.1.0' }, 'blue-green'), '1.1.0'],
    ['a rollback', 0, ['rollback', '--yes'], '1.0.0'],
    ['a shift that undoes itself', 10, rolloutTo({ backend: 'never-healthy' }, 'blue-green'), '1.0.0'],
  ] as const)('survives %s', async (_, code, args, version) => {
    const before = await shop.aws.actions('backend', shop.status);
    expectClean(await shop.underLoad(() => shop.run(code, args)));
    const after = await shop.aws.actions('backend', shop.status);
    expect(foreign(after)).toEqual(foreign(before));
    expect((await shop.aws.weights('backend', shop.status))[canary]).toBe(0);
    await shop.serves({ backend: version, frontend: '1.0.0' });
  });

  it('another application that claims the same target groups is refused, and told who has them', async () => {
    const other = await shop.config((file) => (file['app'] = 'intruder'), 'other.yml');
    const { stderr } = await shop.run(12, [...rolloutTo({ backend: '1.1.0' }, 'blue-green'), '--config', other]);
    expect(stderr).toMatch(/shop-backend-blue.*shop.*production/);
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });

  it('is respected when it does not let a shift be safe: the group of another gets our target, and that is refused', async () => {
    const [instance] = shop.status.instances;
    await shop.aws.register(canary, instance?.id ?? '', 8081);
    const { stderr } = await shop.run(12, rolloutTo({ backend: '1.1.0' }, 'rolling'));
    expect(stderr).toMatch(/shop-canary, which is not in deployctl\.yml, holds i-\w+:8081/);
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });
});
