import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorResult, Level } from '../../src/operations/doctor/index.js';
import type { Color, Json, Service, Shop } from './kit.js';
import { at, openShop, rolloutTo } from './kit.js';

/** One planted misconfiguration a test: doctor finds it, goes on with the rest, and changes nothing. */
describe('doctor', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 3 });
  });
  afterAll(() => shop.dispose());

  const changing = ['RegisterTargets', 'DeregisterTargets', 'ModifyRule', 'ModifyListener'];
  const group = (service: Service, color: Color): string =>
    shop.status.targetGroups.find((one) => one.service === service && one.color === color)?.arn ?? '';
  const production = (file: Json): Json => at(file, 'environments', 'production');
  const rolling = (file: Json): void => void (production(file)['strategy'] = 'rolling');

  /** Runs it once, and holds it to what every run promises. */
  async function examine(
    code: 0 | 12,
    options: { config?: (file: Json) => void; args?: readonly string[]; env?: Record<string, string> } = {},
  ): Promise<DoctorResult> {
    const config = options.config === undefined ? [] : ['--config', await shop.config(options.config, 'other.yml')];
    const world = () => Promise.all([shop.containers(), shop.aws.parameters()]);
    const [calls, before] = await Promise.all([shop.calls(), world()]);
    const args = ['doctor', '--json', ...config, ...(options.args ?? [])];
    const { stdout, transcript } = await shop.run(code, args, options.env === undefined ? {} : { env: options.env });
    const result = JSON.parse(stdout) as DoctorResult;
    expect(result.ok, transcript).toBe(code === 0);
    for (const { level, text, fix } of result.areas.flatMap(({ checks }) => checks)) {
      if (level === 'fail' || level === 'warn') expect(fix, text).toBeTruthy();
    }
    const after = await shop.calls();
    for (const call of changing) expect(after[call] ?? 0, call).toBe(calls[call] ?? 0);
    expect(await world()).toEqual(before);
    return result;
  }
  const has = (result: DoctorResult, level: Level, area: string, text: RegExp): void => {
    const found = result.areas.find((one) => one.area === area)?.checks.filter((check) => check.level === level) ?? [];
    expect(found.map((check) => check.text).join('\n'), `${level} in ${area}`).toMatch(text);
  };
  /** Plants, examines, takes the plant back. */
  async function planted(
    plant: () => Promise<(() => Promise<void>) | void>,
    undo: () => Promise<void>,
    check: () => Promise<void>,
  ): Promise<void> {
    const back = (await plant()) ?? undo;
    try {
      await check();
    } finally {
      await back();
    }
  }
  const nothing = (): Promise<void> => Promise.resolve();

  it('a sound environment: everything is looked at, nothing fails, and the text says so', async () => {
    const result = await examine(0, { args: ['--backend', '1.1.0'] });
    expect(result.counts).toMatchObject({ fail: 0, warn: 0 });
    expect(result.estimateSeconds).toBeGreaterThan(1);
    has(result, 'ok', 'fleet', /^3 instances: eu-west-1a 2, eu-west-1b 1$/);
    has(result, 'ok', 'application', /backend: keeps idle connections for 75 s, the load balancer for 60 s/);
    has(result, 'ok', 'images', /backend: shop\/backend:1\.1\.0 \(sha256:[0-9a-f]{12}\) is there/);
    const { stdout } = await shop.run(0, ['doctor']);
    expect(stdout).toMatch(/^doctor: shop\/production, blue-green in eu-west-1\n/);
    expect(stdout).toMatch(
      /0 failed, 0 to think about, \d+ fine, \d+ not looked at; nothing was changed\n\nNext:\n {2}deployctl plan --env production --image backend=TAG$/,
    );
  });

  it('credentials that end before the rollout would', async () => {
    const env = { AWS_CREDENTIAL_EXPIRATION: new Date(Date.now() + 20_000).toISOString() };
    has(await examine(12, { env }), 'fail', 'credentials and rights', /credentials end at .*a rollout takes about/);
  });

  it('a right that is missing: the rest is still looked at', () =>
    planted(
      () => shop.fault('api-error', '--operation', 'DescribeTargetHealth', '--code', 'AccessDenied', '--status', '403'),
      () => shop.clearFaults(),
      async () => {
        const result = await examine(12);
        has(result, 'fail', 'credentials and rights', /elbv2:DescribeTargetHealth/);
        has(result, 'ok', 'instances', /shop-1 .*Docker/);
        has(result, 'ok', 'routes', /backend: blue is live/);
      },
    ));

  it('a right that only doctor needs', () =>
    planted(
      () => shop.fault('api-error', '--operation', 'DescribeTags', '--code', 'AccessDenied', '--status', '403'),
      () => shop.clearFaults(),
      async () => {
        const result = await examine(0);
        has(result, 'warn', 'credentials and rights', /elbv2:DescribeTags: AccessDenied/);
        has(result, 'skip', 'routes', /tags of the routes/);
      },
    ));

  it('no credentials at all: told once', async () => {
    const env = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    const result = await examine(12, { env });
    const failed = result.areas.flatMap(({ checks }) => checks).filter(({ level }) => level === 'fail');
    expect(failed.map(({ text, fix }) => `${text} → ${String(fix)}`)).toEqual([
      expect.stringMatching(/^Could not load credentials.* → give deployctl AWS credentials/) as string,
    ]);
  });

  it('instances in one zone, and a fleet of one', async () => {
    const inA = shop.status.instances.filter(({ zone }) => zone === 'eu-west-1a').map(({ id }) => id);
    const ids = (instances: readonly string[]) => (file: Json) => {
      production(file)['fleet'] = { instances };
      // The others stay registered.
      production(file)['foreign-targets'] = 'deregister';
      rolling(file);
    };
    has(await examine(0, { config: ids(inA) }), 'warn', 'fleet', /2 instances: eu-west-1a 2; the loss of that zone/);
    has(
      await examine(12, { config: ids(inA.slice(1)) }),
      'fail',
      'fleet',
      /over 1 instance leaves no instance to spare: at least 1 of its targets/,
    );
  });

  it('an SSM agent that is silent', () =>
    planted(
      () => shop.fault('agent-offline', '--instance', shop.status.instances[0]?.id ?? ''),
      () => shop.fault('agent-online', '--instance', shop.status.instances[0]?.id ?? ''),
      async () => {
        const result = await examine(12);
        has(result, 'fail', 'fleet', /cannot be reached through SSM: /);
        has(result, 'ok', 'instances', /Docker/);
      },
    ));

  it('an engine that takes its containers with it', () => {
    const [{ id } = { id: '' }] = shop.status.instances;
    const config = '"$DEPLOYCTL_ROOT"/etc/docker';
    return planted(
      async () =>
        void (await shop.aws.shell(id, `mkdir -p ${config} && echo '{"live-restore": false}' >${config}/daemon.json`)),
      async () => void (await shop.aws.shell(id, `rm ${config}/daemon.json`)),
      async () => {
        const result = await examine(0);
        has(result, 'warn', 'instances', /^shop-1 \S+: Docker runs without live-restore/);
        expect(result.counts.warn).toBe(1);
      },
    );
  });

  it('an image that is not there', async () => {
    has(await examine(12, { args: ['--backend', '9.9.9'] }), 'fail', 'images', /shop\/backend:9\.9\.9/);
  });

  it('names that do not exist: all of them, in one go', async () => {
    const result = await examine(12, {
      config: (file) => {
        at(production(file), 'services', 'backend', 'blue')['target-group'] = 'shop-backend-bleu';
        at(production(file), 'services', 'frontend')['routes'] = [{ 'load-balancer': 'shpo' }];
      },
    });
    has(result, 'fail', 'target groups', /shop-backend-bleu/);
    has(result, 'fail', 'routes', /no load balancer shpo/);
    has(result, 'ok', 'target groups', /shop-frontend-green/);
  });

  it('health checks that are slow, or slower than the time for them', () =>
    planted(
      () => shop.aws.healthInterval(group('backend', 'green'), 40),
      () => shop.aws.healthInterval(group('backend', 'green'), 5),
      async () => {
        const slow = await examine(0, {
          config: (file) => void (at(production(file), 'timing')['health-timeout'] = '5m'),
        });
        has(slow, 'warn', 'target groups', /shop-backend-green: health is checked every 40 s/);
        has(slow, 'warn', 'target groups', /gets requests for 80 s \(2 failed checks every 40 s\)/);
        has(
          await examine(12),
          'fail',
          'target groups',
          /first health check of a new target may take 4\d s; .*gives it 15 s/,
        );
      },
    ));

  it('a drain that is long, too long, or shorter than the requests', () =>
    planted(
      () => shop.aws.drainSeconds(group('backend', 'blue'), 300),
      () => shop.aws.drainSeconds(group('backend', 'blue'), 20),
      async () => {
        has(await examine(0), 'warn', 'target groups', /shop-backend-blue: every drain takes 300 s/);
        const cap = (file: Json): void => void (at(production(file), 'timing')['drain-cap'] = '2m');
        has(
          await examine(12, { config: cap }),
          'fail',
          'target groups',
          /drains for 300 s, longer than timing\.drain-cap \(120 s\)/,
        );
        const stop = (file: Json): void => void (at(file, 'services', 'frontend')['stop-timeout'] = '24s');
        const cut = await examine(0, { config: stop });
        has(
          cut,
          'warn',
          'target groups',
          /shop-frontend-blue: requests are cut 20 s after a drain began; frontend takes up to 24 s/,
        );
      },
    ));

  it('group stickiness that outlasts a bake', async () => {
    const before = await shop.aws.actions('backend', shop.status);
    const forward = before.at(-1)?.ForwardConfig?.TargetGroups;
    await planted(
      () =>
        shop.aws.setActions('backend', shop.status, [
          {
            Type: 'forward',
            ForwardConfig: {
              TargetGroups: forward,
              TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 3600 },
            },
          },
        ]),
      () => shop.aws.setActions('backend', shop.status, before),
      async () => has(await examine(0), 'warn', 'routes', /pins clients to a color for 3600 s .*longer than a bake/),
    );
  });

  it('a group that fails open at the minimum of a rolling rollout', () => {
    const key = 'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count';
    return planted(
      () => shop.aws.attribute(group('backend', 'blue'), key, '3'),
      () => shop.aws.attribute(group('backend', 'blue'), key, '1'),
      async () => {
        const result = await examine(0, { config: rolling });
        has(
          result,
          'warn',
          'target groups',
          /below 3 healthy targets .*\(fail open\); a rolling rollout goes down to 2/,
        );
      },
    );
  });

  it('a rule that would be missed', () =>
    planted(
      () => shop.aws.addRule(shop.status.loadBalancer.listenerArn, '/forgotten/*', group('backend', 'blue')),
      nothing,
      async () => has(await examine(12), 'fail', 'routes', /\/forgotten\/\*.* is not among its routes/),
    ));

  it('weights that Terraform owns, by the tag of the rule', () =>
    planted(
      () => shop.aws.tagRoute('backend', shop.status, 'ManagedBy', 'terraform'),
      nothing,
      async () => {
        const result = await examine(0);
        has(result, 'warn', 'routes', /\/api.* is tagged ManagedBy=terraform/);
        const fixes = result.areas.flatMap(({ checks }) => checks).map(({ fix }) => fix ?? '');
        expect(fixes.join('\n')).toContain('ignore_changes = [action]');
      },
    ));

  it('both colors on one port: the configuration itself is refused', async () => {
    const path = await shop.config(
      (file) => void (at(production(file), 'services', 'backend', 'green')['port'] = 8081),
      'other.yml',
    );
    const { stderr } = await shop.run(64, ['doctor', '--config', path]);
    expect(stderr).toMatch(/port 8081 is also the port of .*blue\.port/);
  });

  it('an application that closes idle connections before the load balancer does', () =>
    planted(
      () => shop.aws.idleTimeout(shop.status.loadBalancer.arn, 120),
      () => shop.aws.idleTimeout(shop.status.loadBalancer.arn, 60),
      async () =>
        has(
          await examine(0),
          'warn',
          'application',
          /backend: closes idle connections after 75 s, the load balancer keeps them for 120 s/,
        ),
    ));

  it('traffic split between the colors', async () => {
    const before = await shop.aws.actions('backend', shop.status);
    const pair = (['blue', 'green'] as const).map((color) => ({ TargetGroupArn: group('backend', color), Weight: 50 }));
    await planted(
      () => shop.aws.setActions('backend', shop.status, [{ Type: 'forward', ForwardConfig: { TargetGroups: pair } }]),
      () => shop.aws.setActions('backend', shop.status, before),
      async () =>
        has(
          await examine(12),
          'fail',
          'routes',
          /outage: .* gives backend green weight 50, and green has no healthy target; blue has/,
        ),
    );
  });

  it('an image that ignores SIGTERM, and weights that moved since the last rollout', async () => {
    await shop.run(0, rolloutTo({ backend: 'ignores-sigterm' }, 'rolling', '--skip-validation'));
    await shop.run(0, rolloutTo({ backend: '1.1.0' }, 'rolling', '--skip-validation'));
    has(
      await examine(0),
      'warn',
      'application',
      /^backend r-\S+ \(backend-blue-.*\) ended by SIGKILL \(exit code 137\)/m,
    );

    await shop.run(0, rolloutTo({ frontend: '1.1.0' }, 'blue-green', '--skip-validation'));
    const left = await shop.aws.actions('frontend', shop.status);
    const pair = (['blue', 'green'] as const).map((color) => ({
      TargetGroupArn: group('frontend', color),
      Weight: color === 'blue' ? 100 : 0,
    }));
    await planted(
      () => shop.aws.setActions('frontend', shop.status, [{ Type: 'forward', ForwardConfig: { TargetGroups: pair } }]),
      () => shop.aws.setActions('frontend', shop.status, left),
      async () => has(await examine(0), 'warn', 'routes', /another hand changed the weights of .* since ro-/),
    );
  });
});
