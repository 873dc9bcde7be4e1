import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { setTimeout } from 'node:timers/promises';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { expectClean, openShop, rolloutTo } from './kit.js';

/** A client that keeps its cookies, and asks until it is stopped: how many answers it got, and which were no 200. */
function boundClient(url: string): { stop: () => Promise<{ answers: number; bad: ReadonlySet<string> }> } {
  let over = false;
  let cookie = '';
  let answers = 0;
  const bad = new Set<string>();
  const work = (async () => {
    while (!over) {
      const { statusCode, headers, body } = await request(url, cookie === '' ? {} : { headers: { cookie } });
      const text = await body.text();
      answers += 1;
      if (statusCode !== 200) bad.add(`${String(statusCode)} ${text.slice(0, 80)}`);
      const set = [headers['set-cookie'] ?? []].flat().find((each) => each.startsWith('AWSALBTG='));
      cookie = set?.split(';')[0] ?? cookie;
      await setTimeout(10); // its pace
    }
  })();
  return {
    stop: async () => {
      over = true;
      await work;
      return { answers, bad };
    },
  };
}

/** A route whose action holds more than deployctl manages: a login before it, stickiness, and a group of someone else. */
describe('what others put into a route', () => {
  let shop: Shop;
  let canary: string;
  const clients: ReturnType<typeof boundClient>[] = [];
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
    ['a retirement that would fail bound clients', 11, ['retire', '--yes'], '1.0.0'],
    ['a shift that undoes itself', 10, rolloutTo({ backend: 'never-healthy' }, 'blue-green'), '1.0.0'],
  ] as const)('survives %s', async (_, code, args, version) => {
    const before = await shop.aws.actions('backend', shop.status);
    clients.push(boundClient(`${shop.status.loadBalancer.url}/api/`));
    const load = await shop.underLoad(async () => {
      const { stderr } = await shop.run(code, args);
      if (code === 11) expect(stderr).toMatch(/group stickiness on: clients that are bound[^]*503[^]*Turn it off/);
    });
    expectClean(load);
    const after = await shop.aws.actions('backend', shop.status);
    expect(foreign(after)).toEqual(foreign(before));
    expect((await shop.aws.weights('backend', shop.status))[canary]).toBe(0);
    await shop.serves({ backend: version, frontend: '1.0.0' });
  });

  it('clients that stickiness binds to a color get no error, whatever becomes of the color', async () => {
    for (const client of clients.splice(0)) {
      const { answers, bad } = await client.stop();
      expect([...bad]).toEqual([]);
      expect(answers).toBeGreaterThan(100);
    }
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
