import { describe, expect, it } from 'vitest';
import { createHostPort } from '../../src/compose/host-port.js';
import { PortError } from '../../src/domain/errors.js';
import type { PortErrorKind } from '../../src/domain/errors.js';
import type { GroupFacts } from '../../src/engine/ports.js';
import type { RunnerBox } from '../../src/operations/run-on.js';
import { rollback } from '../../src/operations/rollback.js';
import { plan, rollout } from '../../src/operations/rollout.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import type { Scenario } from '../simulation/scenario.js';
import { instanceId } from '../simulation/world/shape.js';
import type { World } from '../simulation/world/world.js';
import { says } from './say.js';
import { request, Shop } from './world.js';

type InWorld = (world: World) => void;
type InTraffic = (traffic: Toolbox['traffic']) => Partial<Toolbox['traffic']>;

/** What is not as it should be. */
interface Different {
  readonly world?: InWorld;
  readonly settings?: Partial<Toolbox['settings']>;
  readonly traffic?: InTraffic;
  readonly box?: Partial<Toolbox>;
  readonly scenario?: Partial<Scenario>;
  readonly strategy?: 'rolling' | 'blue-green';
}

/** What a rollout of backend `new` says in a shop that is different in one thing. */
async function refusal(different: Different, code = 'preflight.refused'): Promise<string> {
  const shop = await Shop.open(different.scenario);
  different.world?.(shop.world);
  const { strategy } = different;
  const options = strategy === undefined ? {} : { strategy };
  const act = () => shop.anna((box) => rollout(changedBox(box, different), request({ options })));
  return says(code, `rollout --backend new${strategy === undefined ? '' : ` --strategy ${strategy}`}`, act);
}

function changedBox(box: RunnerBox, { settings, traffic, box: more }: Different): RunnerBox {
  return {
    ...box,
    ...more,
    settings: { ...box.settings, ...settings },
    traffic: { ...box.traffic, ...traffic?.(box.traffic) },
  };
}

/** Facts of every target group, changed. */
const groups =
  (change: Partial<GroupFacts>): InTraffic =>
  (traffic) => ({
    groups: async (arns, signal) =>
      (await traffic.groups(arns, signal)).map((facts) => ({ ...facts, name: 'shop-backend-blue', ...change })),
  });

const MB = 1024 ** 2;

/** The port that encodes and measures, over no connection. */
const noRunner = { send: unused, poll: unused, live: unused };
function unused(): Promise<never> {
  return Promise.reject(new Error('nothing may be sent'));
}

describe('a service', () => {
  const { flaw } = createHostPort(noRunner, { app: 'shop', environment: 'sim', region: 'eu-central-1' });
  const withEnv = async (env: Record<string, string>): Promise<string> => {
    const shop = await Shop.open();
    const act = () =>
      shop.anna((box) => {
        const services = box.settings.services.map((each) => ({ ...each, run: { ...each.run, env } }));
        const changed = changedBox(box, { settings: { services }, box: { hosts: { ...box.hosts, flaw } } });
        return rollout(changed, request());
      });
    return says('preflight.refused', 'rollout --backend new', act);
  };

  it('cannot be sent to an instance', async () => {
    expect(await withEnv({ PATH: 'of two\nlines' })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - the new release of backend cannot be sent to an instance: env PATH: its value has a line break; a variable of this name goes by an env file, which holds one line for each. Write it in one line, or give the variable another name

      Next:
        correct services.backend in deployctl.yml
      (exit 12)"
    `);
  });

  it('is more than SSM takes', async () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`V${String(index)}`, 'x'.repeat(1000)]));
    expect((await withEnv(many)).replaceAll(/\d+\.\d KB/g, '… KB')).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - the new release of backend cannot be sent to an instance: its command would be … KB, of which the instance script takes … KB; SSM takes at most … KB in one command

      Next:
        move large values of services.backend into env-files on the instances, or into secrets
      (exit 12)"
    `);
  });
});

describe('a rollout', () => {
  it('would be watched for longer than it may last', async () => {
    const shop = await Shop.open();
    const options = { bake: 47 * 3_600_000 };
    const act = () => shop.anna((box) => rollout(box, request({ options })));
    expect(await says('preflight.refused', 'rollout --backend new --bake 47h', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new --bake 47h
      Error: refused before any change:
        - the bakes alone take 169200 s, and at timing.deadline (900 s) a rollout is rolled back

      Next:
        a shorter --bake, fewer --steps, or a longer environments.sim.timing.deadline
      (exit 12)"
    `);
  });

  it('would need a larger record than the store has room for', async () => {
    const shop = await Shop.open();
    const act = () =>
      shop.anna((box) => {
        const recordFlaw = (): string => 'it would hold 9000 bytes (5000 compressed); a parameter holds at most 4096';
        return rollout({ ...box, state: { ...box.state, recordFlaw } }, request());
      });
    expect(await says('preflight.refused', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - the record of a rollout of sim would not fit into Parameter Store before its end (3 routes, 2 services): it would hold 9000 bytes (5000 compressed); a parameter holds at most 4096

      Next:
        split environments.sim in deployctl.yml: fewer routes and services in one environment
      (exit 12)"
    `);
  });
});

describe('the fleet', () => {
  it('has no instance', async () => {
    expect(await refusal({ scenario: { fleet: 0 } })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - the fleet of sim has no running instance (looked for App=shop in eu-central-1)

      Next:
        start the instances, or correct environments.sim.fleet in deployctl.yml
      (exit 12)"
    `);
    const ids = { is: 'ids', ids: [instanceId(7)] } as const;
    expect(await refusal({ scenario: { fleet: 0 }, settings: { fleet: ids } })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - the fleet of sim has no running instance (looked for i-00000007 in eu-central-1)

      Next:
        start the instances, or correct environments.sim.fleet in deployctl.yml
      (exit 12)"
    `);
  });

  it('has an instance that SSM cannot reach', async () => {
    const world = ({ hosts }: World): void => {
      for (const host of hosts.values()) if (host.id === instanceId(1)) host.agent = 'offline';
    };
    expect(await refusal({ world })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001) cannot be reached through SSM: its SSM agent is offline

      Next:
        repair its SSM agent and instance profile (AmazonSSMManagedInstanceCore), or set environments.sim.unreachable: exclude
      (exit 12)"
    `);
  });

  it('is too small for a rolling rollout', async () => {
    const settings = { allowDowntime: false };
    expect(await refusal({ scenario: { fleet: 1 }, settings })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - rolling backend over 1 instance leaves no instance to spare: at least 1 of its targets must stay healthy (minimum-healthy)

      Next:
        use --strategy blue-green, or set environments.sim.allow-downtime: true
      (exit 12)"
    `);
  });
});

describe('targets that the fleet does not cover', () => {
  const holds =
    (key: `i-${string}:${number}`, reason?: string): InTraffic =>
    (traffic) => ({
      targets: async (group, signal) => {
        const held = await traffic.targets(group, signal);
        if (!group.includes('backend') || !group.includes('blue')) return held;
        return new Map([...held, [key, { state: 'healthy', ...(reason === undefined ? {} : { reason }) }] as const]);
      },
    });

  it('another port of an instance', async () => {
    const settings = { foreignTargets: 'refuse' } as const;
    expect(await refusal({ traffic: holds(`${instanceId(1)}:9999`), settings })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - target group arn:…/backend-blue/1 has targets that the fleet of sim does not cover, so no rollout reaches them: i-00000001:9999 (another port than 8080)

      Next:
        aws elbv2 deregister-targets --region eu-central-1 --target-group-arn arn:…/backend-blue/1 --targets Id=i-00000001,Port=9999   # or set environments.sim.foreign-targets: deregister
      (exit 12)"
    `);
  });

  it('one that AWS takes out by itself, since its instance is terminated, is none', async () => {
    const shop = await Shop.open();
    const traffic = holds('i-0123456789abcdef0:8080', 'Target.InvalidState');
    const result = await shop.anna((box) => plan(changedBox(box, { traffic }), request()));
    expect(result.findings).toEqual([]);
  });

  it('the rollout takes them out', async () => {
    const shop = await Shop.open();
    const traffic = holds(`${instanceId(1)}:9999`);
    const settings = { foreignTargets: 'deregister' } as const;
    const result = await shop.anna((box) => plan(changedBox(box, { traffic, settings }), request()));
    expect(result.findings.map(({ level, text }) => `${level}: ${text}`)).toMatchInlineSnapshot(`
      [
        "warn: target group arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/backend-blue/1 has targets that the fleet of sim does not cover, so no rollout reaches them: i-00000001:9999 (another port than 8080). The rollout deregisters them",
      ]
    `);
  });

  it('ids that are no running instances', async () => {
    const fleet = { is: 'ids', ids: [instanceId(1), instanceId(2), 'i-0123456789abcdef0'] } as const;
    expect(await refusal({ settings: { fleet } })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - i-0123456789abcdef0 of environments.sim.fleet.instances is not a running instance in eu-central-1

      Next:
        start it, or remove it from environments.sim.fleet.instances in deployctl.yml
      (exit 12)"
    `);
    expect(await refusal({ settings: { fleet: { is: 'ids', ids: [...fleet.ids, 'i-0123456789abcdef1'] } } })).toContain(
      'are not running instances',
    );
  });
});

describe('an instance', () => {
  const facts =
    (change: object): InWorld =>
    (world) => {
      const state = world.commands.state.bind(world.commands);
      world.commands.state = (id) => {
        const told = state(id);
        if (told.is !== 'replied' || !told.reply.ok || told.reply.facts === undefined) return told;
        return { ...told, reply: { ...told.reply, facts: { ...told.reply.facts, ...change } } };
      };
    };

  it('lacks a program', async () => {
    expect(await refusal({ world: facts({ dockerVersion: undefined }) })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): Docker does not answer
        - web-02 (i-00000002): Docker does not answer

      Next:
        install and start Docker (20.10 or newer) on the instance
      (exit 12)"
    `);
    expect(await refusal({ world: facts({ curl: false }) })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): it has no curl, which the health checks on the instance need
        - web-02 (i-00000002): it has no curl, which the health checks on the instance need

      Next:
        install curl on the instance
      (exit 12)"
    `);
    expect(await refusal({ world: facts({ flock: false }) })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): it has no flock, which keeps commands apart
        - web-02 (i-00000002): it has no flock, which keeps commands apart

      Next:
        install util-linux on the instance
      (exit 12)"
    `);
  });

  it('has no room on its disk', async () => {
    expect(await refusal({ world: facts({ diskFreeBytes: 300 * MB }) })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): 300 MB of disk are free for images, 1024 MB are wanted
        - web-02 (i-00000002): 300 MB of disk are free for images, 1024 MB are wanted

      Next:
        docker image prune -a --filter until=240h on the instance, or give it a larger disk
      (exit 12)"
    `);
  });

  it('has no memory for a second color', async () => {
    const shop = await Shop.open();
    const { hosts } = shop.world;
    const boxes = [...hosts.values()].flatMap((host) => host.boxes.map(({ id }) => [id, { used: 400 * MB }]));
    facts({ memoryAvailableBytes: 200 * MB, memory: Object.fromEntries(boxes) })(shop.world);
    const act = () =>
      shop.anna((box) => {
        const services = box.settings.services.map((each) => ({ ...each, run: { ...each.run, runOptions: [] } }));
        const settings = { services, strategy: 'blue-green' } as const;
        return rollout(changedBox(box, { settings }), request());
      });
    expect(await says('preflight.refused', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): 200 MB of memory are available, a second color may take 480 MB (1.2 times what runs)
        - web-02 (i-00000002): 200 MB of memory are available, a second color may take 480 MB (1.2 times what runs)

      Next:
        use --strategy rolling, set a memory limit for the service, or take a larger instance type
      (exit 12)"
    `);
  });
});

describe('a target group', () => {
  it('holds no instances', async () => {
    expect(await refusal({ traffic: groups({ targetType: 'ip' }) })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - target group shop-backend-blue has target type ip; deployctl registers instances
        - target group shop-backend-blue has target type ip; deployctl registers instances
        - target group shop-backend-blue has target type ip; deployctl registers instances
        - target group shop-backend-blue has target type ip; deployctl registers instances

      Next:
        use a target group of type instance
      (exit 12)"
    `);
  });

  it('drains longer than a rollout waits', async () => {
    expect(await refusal({ traffic: groups({ deregistrationDelay: 3_600_000 }) })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - target group shop-backend-blue drains for 3600 s, longer than timing.drain-cap (60 s)
        - target group shop-backend-blue drains for 3600 s, longer than timing.drain-cap (60 s)
        - target group shop-backend-blue drains for 3600 s, longer than timing.drain-cap (60 s)
        - target group shop-backend-blue drains for 3600 s, longer than timing.drain-cap (60 s)

      Next:
        lower deregistration_delay.timeout_seconds of the group, or raise timing.drain-cap
      (exit 12)"
    `);
  });

  it('is sticky, and its route is not', async () => {
    expect(await refusal({ traffic: groups({ groupStickiness: true }), strategy: 'blue-green' }))
      .toMatchInlineSnapshot(`
        "$ deployctl rollout --backend new --strategy blue-green
        Error: refused before any change:
          - target group shop-backend-blue has stickiness on: AWS then refuses to turn group stickiness off in the rule, and clients that are bound to a bad release could not be taken back
          - target group shop-backend-blue has stickiness on: AWS then refuses to turn group stickiness off in the rule, and clients that are bound to a bad release could not be taken back
          - target group shop-backend-blue has stickiness on: AWS then refuses to turn group stickiness off in the rule, and clients that are bound to a bad release could not be taken back
          - target group shop-backend-blue has stickiness on: AWS then refuses to turn group stickiness off in the rule, and clients that are bound to a bad release could not be taken back

        Next:
          turn stickiness.enabled off in the target group, or roll out with --strategy rolling
        (exit 12)"
      `);
  });

  it('of others holds what is swapped', async () => {
    const arn = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/metrics/1';
    const traffic: InTraffic = () => ({
      groupsHolding: () => Promise.resolve([{ group: arn, name: 'metrics', target: `${instanceId(1)}:8080` }]),
    });
    expect(await refusal({ traffic })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - target group metrics, which is not in deployctl.yml, holds i-00000001:8080: its requests would fail while that port is swapped

      Next:
        deregister i-00000001:8080 from metrics, or configure metrics for the service
      (exit 12)"
    `);
  });

  it('has a port that the other color has too', async () => {
    const settings = (box: Toolbox['settings']): Partial<Toolbox['settings']> => ({
      services: box.services.map((service) => {
        const { blue, green } = service.colors;
        if (blue === undefined || green === undefined) return service;
        return { ...service, colors: { blue, green: { ...green, port: blue.port } } };
      }),
    });
    const shop = await Shop.open();
    const act = () => shop.anna((box) => rollout(changedBox(box, { settings: settings(box.settings) }), request()));
    expect(await says('preflight.refused', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - blue and green of backend share host port 8080 on every instance
        - blue and green of frontend share host port 3000 on every instance

      Next:
        give green of backend a host port of its own in deployctl.yml
        give green of frontend a host port of its own in deployctl.yml
      (exit 12)"
    `);
  });
});

describe('a route', () => {
  const weights =
    (blue: number, green: number, only?: 'api'): InWorld =>
    ({ balancer, shape }) => {
      const [backend] = shape.services;
      if (backend === undefined) throw new Error('no backend');
      for (const arn of backend.routes.filter((each) => only === undefined || each.endsWith(only))) {
        const route = balancer.routes.get(arn);
        if (route === undefined) throw new Error(`no ${arn}`);
        const { colors } = backend;
        balancer.write(
          arn,
          [
            { group: colors.blue.group, weight: blue },
            { group: colors.green.group, weight: green },
          ],
          undefined,
        );
      }
    };

  it('splits a service', async () => {
    expect(await refusal({ scenario: { extras: ['warm'] }, world: weights(30, 70) })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - arn:…/app/shop/1/1/api splits backend 30/70 between blue and green, and no rollout of ours explains it

      Next:
        deployctl resume --env sim   # if a rollout was interrupted; else set one color of backend to 100 and the other to 0
      (exit 12)"
    `);
  });

  it('sends nothing to a service', async () => {
    expect(await refusal({ world: weights(0, 0) })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - arn:…/app/shop/1/1/api sends nothing to the target groups of backend (blue 0, green 0)

      Next:
        deployctl resume --env sim   # if a rollout was interrupted; else set one color of backend to 100 and the other to 0
      (exit 12)"
    `);
  });

  it('disagrees with another', async () => {
    expect(await refusal({ scenario: { extras: ['warm'] }, world: weights(0, 100, 'api') })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - the routes of backend disagree: arn:…/app/shop/1/1/hooks sends its traffic to blue, arn:…/app/shop/1/1/api to green

      Next:
        deployctl resume --env sim   # if a rollout was interrupted; else set one color of backend to 100 and the other to 0
      (exit 12)"
    `);
  });

  it('does not exist', async () => {
    const traffic: InTraffic = () => ({ routes: () => Promise.resolve(new Map()) });
    expect(await refusal({ traffic })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - route arn:…/app/shop/1/1/api of backend does not exist
        - route arn:…/app/shop/1/1 of frontend does not exist

      Next:
        correct environments.sim.services.backend.routes in deployctl.yml
        correct environments.sim.services.frontend.routes in deployctl.yml
      (exit 12)"
    `);
  });

  it('of others uses what is managed', async () => {
    const traffic: InTraffic = (box) => ({
      routesUsing: async (managed, signal) => [
        ...(await box.routesUsing(managed, signal)),
        {
          route: 'arn:aws:elasticloadbalancing:eu-central-1:1:listener-rule/app/shop/1/1/old',
          name: 'rule 7 of shop:443',
          groups: managed,
        },
      ],
    });
    expect(await refusal({ traffic, strategy: 'blue-green' })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new --strategy blue-green
      Error: refused before any change:
        - rule 7 of shop:443 forwards to a target group of backend and is not among its routes

      Next:
        add arn:…/app/shop/1/1/old to the routes of backend in deployctl.yml
      (exit 12)"
    `);
  });
});

describe('an image', () => {
  const asked =
    (reply: Awaited<ReturnType<Toolbox['hosts']['poll']>> extends ReadonlyMap<string, infer State> ? State : never) =>
    async (): Promise<string> => {
      const shop = await Shop.open();
      const act = () =>
        shop.anna((box) => {
          const hosts: Toolbox['hosts'] = {
            ...box.hosts,
            sendResolve: () => Promise.resolve('resolve'),
            poll: async (sent, signal) =>
              sent.some(({ id }) => id === 'resolve') ? new Map([['resolve', reply]]) : box.hosts.poll(sent, signal),
          };
          const asking = { ...box, hosts, images: { resolve: () => Promise.resolve(undefined) } };
          return rollout(asking, request());
        });
      return says('preflight.refused', 'rollout --backend new', act);
    };

  it('cannot be pulled', async () => {
    const message = 'cannot pull shop/backend:new: manifest unknown';
    expect(await asked({ is: 'replied', reply: { ok: false, code: 'pull-failed', message } })()).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: image shop/backend:new cannot be pulled on web-01 (i-00000001): cannot pull shop/backend:new: manifest unknown. Nothing was changed

      Next:
        check that shop/backend has the tag new, and that the instance may pull it
      (exit 12)"
    `);
  });

  it('has no digest in a registry', async () => {
    expect(await asked({ is: 'replied', reply: { ok: true, replayed: false } })()).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: image shop/backend:new has no registry digest on web-01. Nothing was changed

      Next:
        push it to a registry
      (exit 12)"
    `);
  });

  it('is asked of instances that do not answer', async () => {
    expect(await asked({ is: 'lost', why: 'SSM reports DeliveryTimedOut' })()).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: shop/backend:new cannot be resolved, no instance answered: web-01 (i-00000001): SSM reports DeliveryTimedOut; web-02 (i-00000002): SSM reports DeliveryTimedOut. Nothing was changed

      Next:
        repair the SSM agents of these instances: aws ssm describe-instance-information
      (exit 12)"
    `);
    expect(await asked({ is: 'pending' })()).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: shop/backend:new cannot be resolved, no instance answered: web-01 (i-00000001): no answer within 60 s; web-02 (i-00000002): no answer within 60 s. Nothing was changed

      Next:
        repair the SSM agents of these instances: aws ssm describe-instance-information
      (exit 12)"
    `);
  });

  it('is asked of a fleet that is offline', async () => {
    const world = ({ hosts }: World): void => {
      for (const host of hosts.values()) host.agent = 'offline';
    };
    const box = { images: { resolve: () => Promise.resolve(undefined) } };
    expect(await refusal({ world, box, settings: { unreachable: 'exclude' } })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: shop/backend:new cannot be resolved: no instance is online to pull it. Nothing was changed

      Next:
        repair the SSM agents of the fleet: aws ssm describe-instance-information
      (exit 12)"
    `);
  });
});

describe('credentials and the lease', () => {
  it('that end before the rollout does', async () => {
    const identity = { credentialsEnd: () => Promise.resolve(Date.UTC(2026, 10, 24, 12, 0, 30)) };
    const text = await refusal({ box: { identity } });
    expect(text.replace(/\(2026-\S+\)/, '(TIME)')).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - the AWS credentials end at 2026-11-24T12:00:30.000Z, before the predicted end of the rollout (TIME)

      Next:
        ask for a longer session (role-duration-seconds in GitHub Actions), or shorten the bakes
      (exit 12)"
    `);
  });

  it('that instances have seen a newer one of', async () => {
    const world = ({ hosts }: World): void => {
      // Something else goes on managing them: they follow a higher generation each time.
      let generation = 0;
      for (const host of hosts.values())
        Object.defineProperty(host, 'fence', { get: () => [(generation += 100), 0, 1], set: () => undefined });
    };
    expect(await refusal({ world }, 'lease.behind')).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: web-01 (i-00000001) follows a newer rollout: fence 611.0.0 is older than 700.0.1, which was here before; nothing was done. The lease in Parameter Store is behind what the instances have followed, again and again: something else manages them

      Next:
        deployctl lease show --env sim   # who holds the lease here
        find the other deployctl: another account, Region or endpoint, or an app and environment of the same names
      (exit 12)"
    `);
  });
});

describe('what AWS says before any change', () => {
  const kinds: readonly PortErrorKind[] = [
    'access-denied',
    'expired-credentials',
    'not-found',
    'already-exists',
    'invalid',
    'throttled',
    'conflict',
    'timeout',
    'network',
    'server',
  ];
  const fails = (error: PortError): Different => ({
    box: { fleet: { instances: () => Promise.reject(error), states: () => Promise.reject(error) } },
  });

  it('each kind of error has its fix', async () => {
    const all: string[] = [];
    for (const kind of kinds) {
      const operation = 'ec2:DescribeInstances';
      const error = new PortError({ kind, operation, message: `${operation}: SAID`, requestId: 'req-1' });
      const text = await refusal(fails(error), `aws.${kind}`);
      all.push(`${kind}: ${text.split('\n').slice(1).join('\n')}`);
    }
    expect(all.join('\n\n')).toMatchInlineSnapshot(`
      "access-denied: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        allow ec2:DescribeInstances for this identity
      (exit 12)

      expired-credentials: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        renew the AWS credentials
      (exit 12)

      not-found: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        correct the name in deployctl.yml, or create it
      (exit 12)

      already-exists: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        try again in a moment
      (exit 12)

      invalid: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        correct the name in deployctl.yml, or create it
      (exit 12)

      throttled: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        try again in a moment
      (exit 12)

      conflict: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        try again in a moment
      (exit 12)

      timeout: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        check the connection to AWS (region, AWS_ENDPOINT_URL, proxy) and try again
      (exit 12)

      network: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        check the connection to AWS (region, AWS_ENDPOINT_URL, proxy) and try again
      (exit 12)

      server: Error: ec2:DescribeInstances: SAID (request req-1). Nothing was changed

      Next:
        try again in a moment
      (exit 12)"
    `);
  });

  it('no credentials at all', async () => {
    const error = new PortError({
      kind: 'access-denied',
      operation: 'ec2:DescribeInstances',
      message: 'ec2:DescribeInstances: Could not load credentials from any providers',
      serviceCode: 'CredentialsProviderError',
    });
    expect(await refusal(fails(error), 'aws.access-denied')).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: ec2:DescribeInstances: Could not load credentials from any providers. Nothing was changed

      Next:
        give deployctl AWS credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
      (exit 12)"
    `);
  });

  it.each(['AuthFailure', 'SignatureDoesNotMatch', 'InvalidClientTokenId', 'UnrecognizedClientException'])(
    'credentials that are not valid are no missing right: %s',
    async (serviceCode) => {
      const operation = 'ec2:DescribeInstances';
      const message = `${operation}: ${serviceCode}: SAID`;
      const error = new PortError({ kind: 'access-denied', operation, message, serviceCode });
      const text = await refusal(fails(error), 'aws.access-denied');
      expect(text).toMatch(/Next:\n {2}correct the AWS credentials: .*deployctl sandbox env/);
      expect(text).not.toContain('allow ec2');
    },
  );
});

describe('plan', () => {
  it('refuses what another environment manages, as a rollout does', async () => {
    const shop = await Shop.open();
    const ours = () =>
      shop.anna((box) =>
        plan(
          {
            ...box,
            state: {
              ...box.state,
              claimConflicts: () =>
                Promise.resolve([
                  {
                    name: '/deployctl/claims/groups/1',
                    kind: 'group',
                    what: 'shop-backend-blue',
                    app: 'shop',
                    environment: 'staging',
                  },
                ]),
            },
          },
          request(),
        ),
      );
    expect(await says('preflight.refused', 'plan --backend new', ours)).toMatchInlineSnapshot(`
      "$ deployctl plan --backend new
      Error: refused before any change:
        - shop-backend-blue is managed by shop/staging

      Next:
        give this environment another one in deployctl.yml, or, if shop/staging has given it up: aws ssm delete-parameter --name /deployctl/claims/groups/1
      (exit 12)"
    `);
  });
});

it('the proof that targets may be registered does not bring one back that somebody takes out meanwhile', async () => {
  const shop = await Shop.open();
  const { box } = shop.person('anna');
  const { balancer } = shop.world;
  const groups = [...balancer.groups.values()].filter(({ color }) => color === 'blue');
  const registered: string[] = [];
  const traffic: Toolbox['traffic'] = {
    ...box.traffic,
    register: (group, targets, signal) => {
      registered.push(group);
      return box.traffic.register(group, targets, signal);
    },
  };
  const confirm = (): Promise<boolean> => Promise.resolve(false);
  const images: Toolbox['images'] = {
    resolve: (...args) => {
      for (const { arn, targets } of groups) balancer.deregister(arn, [...targets.values()]);
      return box.images.resolve(...args);
    },
  };
  await expect(shop.run(() => rollout({ ...box, traffic, images }, request({ confirm })))).rejects.toThrow(
    'not confirmed',
  );
  expect(registered).toEqual([]);
});

describe('a way back', () => {
  const back = { force: false, confirm: () => Promise.resolve(true) } as const;
  const refused = (to?: string) => async (box: RunnerBox) =>
    rollback(box, { ...back, ...(to === undefined ? {} : { to }) });

  it('to a release that is not there', async () => {
    const shop = await Shop.open();
    expect(await says('rollback.refused', 'rollback --to r-9', () => shop.anna(refused('r-9')))).toMatchInlineSnapshot(`
      "$ deployctl rollback --to r-9
      Error: there is no release r-9 of sim; known: r-…

      Next:
        deployctl rollback --env sim --to r-…
        deployctl history --env sim
      (exit 12)"
    `);
  });

  it('to what serves', async () => {
    const shop = await Shop.open();
    expect(await says('rollback.refused', 'rollback --to r-1', () => shop.anna(refused('r-20261101-120000-0001'))))
      .toMatchInlineSnapshot(`
        "$ deployctl rollback --to r-1
        Error: release r-… is what serves already

        Next:
          deployctl history --env sim   # what has served here
        (exit 12)"
      `);
  });

  it('after no rollout', async () => {
    const shop = await Shop.open({ before: 'adopted' });
    expect(await says('rollback.refused', 'rollback', () => shop.anna(refused()))).toMatchInlineSnapshot(`
      "$ deployctl rollback
      Error: nothing was rolled out here yet, so there is nothing to go back to

      Next:
        deployctl status --env sim
      (exit 12)"
    `);
  });

  it('after a way back', async () => {
    const shop = await Shop.open();
    await shop.anna((box) => rollout(box, request()));
    await shop.anna(refused());
    expect(await says('rollback.refused', 'rollback', () => shop.anna(refused()))).toMatchInlineSnapshot(`
      "$ deployctl rollback
      Error: the last change was a rollback already: anna went from r-… back to r-… (generation 3); to go further back, name the release with --to

      Next:
        deployctl rollback --env sim --to r-…
        deployctl rollback --env sim --to adopted-…
      (exit 12)"
    `);
  });

  it('while the instances run something else: which change is to be undone is not known', async () => {
    const shop = await Shop.open();
    await shop.anna((box) => rollout(box, request()));
    for (const host of shop.world.hosts.values()) {
      const at = host.boxes.findIndex(({ service, status }) => service === 'backend' && status === 'running');
      const before = host.boxes[at];
      if (before === undefined) throw new Error('no backend');
      host.boxes.splice(at, 1, { ...before, release: 'r-20261101-120000-0077' });
    }
    expect(await says('rollback.refused', 'rollback', () => shop.anna(refused()))).toMatchInlineSnapshot(`
      "$ deployctl rollback
      Error: backend: 3b3b3b3b3b3b (r-…) serves, and the record says new (r-…): another hand has moved the traffic or replaced the containers. So the last change of what serves is not known: say with --to which release shall serve. Nothing was changed

      Next:
        deployctl rollback --env sim --to r-…   # what the record says serves
        deployctl rollback --env sim --to r-…   # what served before that
        deployctl history --env sim   # what has served here
      (exit 12)"
    `);
  });
});
