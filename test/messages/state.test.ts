import { describe, expect, it } from 'vitest';
import { createState } from '../../src/state/index.js';
import type { Lease, State } from '../../src/state/index.js';
import { PortError } from '../../src/domain/errors.js';
import type { CommandState } from '../../src/engine/ports.js';
import { logs } from '../../src/operations/containers.js';
import { breakLease } from '../../src/operations/lease.js';
import { resume } from '../../src/operations/resume.js';
import { rollout } from '../../src/operations/rollout.js';
import { seededRandom } from '../_helpers/manual-clock.js';
import type { Weather } from '../simulation/process.js';
import { BASE, outcome, record, release, spec, TTL, world } from '../state/world.js';
import type { Person, World } from '../state/world.js';
import { says } from './say.js';
import { request, Shop } from './world.js';

const typed = 'rollout --backend 1.1.0 --env production';

/** A world in which anna holds the lease. */
async function held(): Promise<World & { readonly anna: Person; readonly bob: Person; readonly lease: Lease }> {
  const made = world();
  const [anna, bob] = [made.person('anna'), made.person('bob')];
  const lease = await made.clock.run(anna.state.acquireLease(anna.take()));
  return { ...made, anna, bob, lease };
}

/** The error that a lost lease gives. */
async function loss(make: (at: Awaited<ReturnType<typeof held>>) => Promise<void> | void): Promise<unknown> {
  const at = await held();
  await make(at);
  await at.clock.advance(2 * TTL);
  expect(at.lease.lost.aborted).toBe(true);
  return at.lease.lost.reason;
}

const thrown = (error: unknown) => (): never => {
  throw error as Error;
};

describe('the lease', () => {
  it('has a number that nobody can count on from', async () => {
    const { clock, store, person } = world();
    store.set(`${BASE}/lease/999999999999999`, '{}');
    const anna = person('anna');
    const act = () => clock.run(anna.state.acquireLease(anna.take()));
    expect(await says('lease.generation', typed, act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: the lock of shop/production cannot be taken: the number of /deployctl/shop/production/lease/999999999999999 leaves none above it (instances compare 15 digits). deployctl counts up by one with each command, so somebody created that parameter by hand. Nothing was changed

      Next:
        aws ssm delete-parameter --name /deployctl/shop/production/lease/999999999999999   # while no deployctl runs
        deployctl status --env production
      (exit 12)"
    `);
  });

  it('is held by another', async () => {
    const { clock, bob } = await held();
    await clock.advance(4000);
    const act = () => clock.run(bob.state.acquireLease(bob.take()));
    expect(await says('lease.held', typed, act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: shop/production is locked by anna (pid 42 on anna-host), "rollout backend=1.1.0" since 2026-11-24 12:00:00Z, last heartbeat 4 s ago, generation 1

      Next:
        deployctl status --env production   # what it does
        deployctl rollout --backend 1.1.0 --env production --lock-wait 10m   # waits for it
        deployctl lease release --env production   # if it will never come back
      (exit 13)"
    `);
    expect(await says('lease.held', 'logs backend --env production', act)).toMatchInlineSnapshot(`
      "$ deployctl logs backend --env production
      Error: shop/production is locked by anna (pid 42 on anna-host), "rollout backend=1.1.0" since 2026-11-24 12:00:00Z, last heartbeat 4 s ago, generation 1

      Next:
        deployctl status --env production   # what it does
        deployctl lease release --env production   # if it will never come back
      (exit 13)"
    `);
  });

  it('was taken over', async () => {
    const error = await loss(async ({ clock, bob }) => {
      await clock.run(bob.state.breakLease({ ...bob.take({ command: 'lease release' }), force: true }));
    });
    expect(await says('lease.lost', typed, thrown(error))).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: the lease on shop/production (generation 1) is lost: it was taken by bob (pid 42 on bob-host), "lease release" since 2026-11-24 12:00:00Z, last heartbeat 10 s ago, generation 2

      Next:
        deployctl status --env production   # who holds it now
        the same command again
      (exit 13)"
    `);
  });

  it('was deleted, or made anew by others', async () => {
    const gone = await loss(({ store }) => {
      store.delete(`${BASE}/lease/1`);
    });
    expect(await says('lease.lost', typed, thrown(gone))).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: the lease on shop/production (generation 1) is lost: its parameter /deployctl/shop/production/lease/1 is gone (ssm:PutParameter: there is no parameter /deployctl/shop/production/lease/1)

      Next:
        deployctl status --env production   # who holds it now
        the same command again
      (exit 13)"
    `);
    const other = await loss(({ store }) => {
      const raw = store.snapshot().get(`${BASE}/lease/1`) ?? '';
      store.set(`${BASE}/lease/1`, raw.replace(/"nonce":"\w+"/, '"nonce":"other"'));
    });
    expect(await says('lease.lost', typed, thrown(other))).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: the lease on shop/production (generation 1) is lost: someone else took it over, or deleted its parameter and created it again

      Next:
        deployctl status --env production   # who holds it now
        the same command again
      (exit 13)"
    `);
  });

  it('is not renewed in time', async () => {
    const { clock, store, anna, lease } = await held();
    store.inject({ client: 'anna', on: 'overwrite', when: 'before', kind: 'network', times: 1e6 });
    await clock.advance(TTL);
    const act = () => clock.run(anna.state.writeRecord(record(), lease));
    expect(await says('lease.expired', typed, act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: the lease (generation 1) was not renewed in time for another change: its heartbeats fail, or this process was paused

      Next:
        deployctl status --env production
        deployctl resume --env production   # goes on with it
      (exit 14)"
    `);
  });

  it('has a heartbeat that is too slow for it', async () => {
    const { clock, person } = world();
    const anna = person('anna');
    const act = () => clock.run(anna.state.acquireLease(anna.take({ ttl: 10_000, heartbeat: 8000 })));
    expect(await says('lease.timing', typed, act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: a lease of 10000 ms cannot live on a heartbeat every 8000 ms: at least two must fit

      Next:
        set lease.heartbeat to half of lease.ttl or less
      (exit 64)"
    `);
  });

  it('was taken over before the first change', async () => {
    const shop = await Shop.open();
    const confirm = async (): Promise<boolean> => {
      await breakLease(shop.person('bob').box, true);
      return true;
    };
    const act = () => shop.anna((box) => rollout(box, request({ confirm })));
    expect(await says('lease.lost', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: the lease on shop/sim (generation 2) is lost: it was taken by bob (pid 8 on laptop), "lease release" since 2026-11-24 12:00:01Z, last heartbeat 9 s ago, generation 3. Nothing was changed

      Next:
        deployctl status --env sim   # who holds it now
        the same command again
      (exit 13)"
    `);
    expect(await shop.anna((box) => rollout(box, request()))).toMatchObject({ outcome: 'succeeded' });
  });

  it('is of a holder that is alive', async () => {
    const { clock, bob } = await held();
    await clock.advance(4000);
    const act = () => clock.run(bob.state.breakLease({ ...bob.take({ command: 'lease release' }), force: false }));
    expect(await says('lease.alive', 'lease release --yes --env production', act)).toMatchInlineSnapshot(`
      "$ deployctl lease release --yes --env production
      Error: shop/production is locked by anna (pid 42 on anna-host), "rollout backend=1.1.0" since 2026-11-24 12:00:00Z, last heartbeat 4 s ago, generation 1. Its heartbeat is fresh, so its process is at work. Nothing was changed

      Next:
        deployctl abort --env production   # asks it to roll back, and to release the lock
        deployctl status --env production --watch   # waits for its end
        deployctl lease release --env production   # once its heartbeat is 30 s old: then it is over
        deployctl lease release --env production --force   # stops it where it is, half-way
      (exit 13)"
    `);
  });
});

describe('what is stored', () => {
  /** What a call says with something in its way. */
  const refused = async (
    code: string,
    line: string,
    act: (state: State, lease: Lease) => Promise<unknown>,
    before: (at: World, anna: Person, lease: Lease) => Promise<void> | void = () => undefined,
  ): Promise<string> => {
    const at = await held();
    await before(at, at.anna, at.lease);
    return says(code, line, () => at.clock.run(act(at.anna.state, at.lease)));
  };

  it('is managed by another environment', async () => {
    const group = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop-backend-blue/1' as const;
    const wanted = {
      groups: [group],
      routes: [],
      fleetPorts: [{ fleet: { is: 'tags', tags: { App: 'shop' } }, port: 8080 }],
    } as const;
    const text = await refused(
      'claim.taken',
      typed,
      (state) => state.claim(wanted),
      async ({ clock, person }) => {
        await clock.run(person('carl', { environment: 'staging' }).state.claim(wanted));
      },
    );
    expect(text.replace(/[0-9a-f]{16,}/g, 'HASH')).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: shop/production may not manage what another environment manages: the target group arn:…/shop-backend-blue/1 is managed by shop/staging; the fleet and port instances with App=shop port 8080 is managed by shop/staging

      Next:
        give this environment target groups, routes and host ports of its own in deployctl.yml
        or, if the other one has given it up: aws ssm delete-parameter --name /deployctl/claims/group-…; aws ssm delete-parameter --name /deployctl/claims/port-…
      (exit 12)"
    `);
  });

  it('is there and is not shown', async () => {
    const text = await refused(
      'state.inconsistent',
      typed,
      (state) => state.putRelease(release('r-2')),
      ({ store }) => {
        store.inject({ on: 'create', name: /releases/, when: 'before', kind: 'already-exists', times: 99 });
      },
    );
    expect(text).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: Parameter Store says that /deployctl/shop/production/releases/r-2/backend exists, and does not show it

      Next:
        try again in a minute
      (exit 12)"
    `);
  });

  it('is too large', async () => {
    const noise = seededRandom(7).hex(200_000);
    const big = release('r-2', { services: { backend: { release: 'r-2', spec: spec({ env: { BIG: noise } }) } } });
    expect(await refused('state.too-large', typed, (state) => state.putRelease(big))).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: the run spec of backend in release r-2 is 145024 bytes when compressed; Parameter Store is given at most 16 parts of 4096 (/deployctl/shop/production/releases/r-2/backend)

      Next:
        move large environment values into an env file on the instances
      (exit 12)"
    `);
    const long = record({ reason: noise.slice(0, 20_000) });
    expect(await refused('state.too-large', typed, (state, lease) => state.writeRecord(long, lease)))
      .toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: /deployctl/shop/production/rollouts/ro-… would hold 20401 bytes (14796 compressed); a parameter holds at most 4096

      Next:
        shorten what the configuration makes it hold: fewer routes or services in one environment
      (exit 12)"
    `);
  });

  it('was written by a newer deployctl, or is damaged', async () => {
    const name = `${BASE}/rollouts/ro-20261124-120000-0001`;
    const read = (state: State) => state.readRecord('ro-20261124-120000-0001');
    const stored =
      (value: string) =>
      ({ store }: World): void => {
        store.set(name, value);
      };
    expect(await refused('state.newer', 'status --env production', read, stored('{"schema":2}')))
      .toMatchInlineSnapshot(`
      "$ deployctl status --env production
      Error: /deployctl/shop/production/rollouts/ro-… was written by a newer deployctl (schema 2; this one reads up to 1)

      Next:
        update deployctl here, then try again
      (exit 12)"
    `);
    expect(await refused('state.damaged', 'status --env production', read, stored('{"schema":1,"id":7}')))
      .toMatchInlineSnapshot(`
      "$ deployctl status --env production
      Error: the parameter /deployctl/shop/production/rollouts/ro-… cannot be read: id: Invalid input: expected string, received number

      Next:
        look at it: aws ssm get-parameter --name /deployctl/shop/production/rollouts/ro-…
        put back an earlier version (aws ssm get-parameter-history --name /deployctl/shop/production/rollouts/ro-…), or delete it if it is of no use
      (exit 12)"
    `);
    expect(await refused('state.damaged', 'status --env production', read, stored('{'))).toMatchInlineSnapshot(`
      "$ deployctl status --env production
      Error: the parameter /deployctl/shop/production/rollouts/ro-… cannot be read: it is not JSON: Expected property name or '}' in JSON at position 1

      Next:
        look at it: aws ssm get-parameter --name /deployctl/shop/production/rollouts/ro-…
        put back an earlier version (aws ssm get-parameter-history --name /deployctl/shop/production/rollouts/ro-…), or delete it if it is of no use
      (exit 12)"
    `);
  });

  it('is a release of that id with another content', async () => {
    const other = release('r-2', { services: { backend: { release: 'r-2', spec: spec({ containerPort: 9 }) } } });
    const text = await refused(
      'release.differs',
      typed,
      (state) => state.putRelease(release('r-2')),
      ({ clock }, anna) => clock.run(anna.state.putRelease(other)),
    );
    expect(text).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: release r-2 exists with another content (/deployctl/shop/production/releases/r-2/backend); a release never changes

      Next:
        run the rollout again: it makes a new release with an id of its own
      (exit 12)"
    `);
  });

  it('has no rollout to ask, or one that is over', async () => {
    const ask = (state: State) => state.requestSteer('ro-20261124-120000-0001', { is: 'abort', by: 'bob' });
    expect(await refused('steer.no-rollout', 'abort --env production', ask)).toMatchInlineSnapshot(`
      "$ deployctl abort --env production
      Error: there is no rollout ro-… in shop/production to abort

      Next:
        deployctl status --env production
        deployctl history --env production
      (exit 12)"
    `);
    const over = record({ outcome: 'succeeded', endedAt: 1 });
    const text = await refused('steer.ended', 'abort --env production', ask, ({ clock }, anna, lease) =>
      clock.run(anna.state.writeRecord(over, lease)),
    );
    expect(text).toMatchInlineSnapshot(`
      "$ deployctl abort --env production
      Error: the rollout ro-… is over (succeeded): nothing is left to abort

      Next:
        deployctl status --env production
        deployctl history --env production
      (exit 12)"
    `);
  });

  it('is of another generation: a bug', async () => {
    const two = record({ generation: 2 });
    expect(await refused('state.generation', typed, (state, lease) => state.writeRecord(two, lease)))
      .toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: the record of ro-… says generation 2, the lease is generation 1

      Next:
        please report this
      (exit 70)"
    `);
    expect(await refused('state.generation', typed, (state, lease) => state.writeOutcome(outcome(2), lease)))
      .toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: the outcome of ro-2 says generation 2, the lease is generation 1

      Next:
        please report this
      (exit 70)"
    `);
    const text = await refused(
      'state.outcome',
      typed,
      (state, lease) => state.writeOutcome(outcome(1, { outcome: 'failed', serving: null }), lease),
      ({ clock }, anna, lease) => clock.run(anna.state.writeOutcome(outcome(1), lease)),
    );
    expect(text).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0 --env production
      Error: generation 1 has an outcome already: ro-1 succeeded, "all instances serve it"; it cannot become ro-1 failed

      Next:
        deployctl history --env production
      (exit 70)"
    `);
  });

  it('has a name that the store does not take', async () => {
    const { clock, store } = world();
    const open = (app: string, environment: string) => () =>
      createState({ parameters: store, clock, random: seededRandom(1), app, environment });
    expect(await says('state.name', 'status', open('claims', 'production'))).toMatchInlineSnapshot(`
      "$ deployctl status
      Error: the app is called "claims", a name that deployctl keeps for itself below /deployctl/

      Next:
        give the app another name in deployctl.yml
      (exit 64)"
    `);
    expect(await says('state.name', 'status', open('shop', 'pro duction'))).toMatchInlineSnapshot(`
      "$ deployctl status
      Error: the environment "pro duction" cannot be part of a Parameter Store name: 1 to 100 letters, digits, "_", "." and "-" are allowed

      Next:
        rename the environment
      (exit 64)"
    `);
  });

  it('lacks the release that a rollout needs', async () => {
    const shop = await Shop.open();
    await shop.bobWasInterrupted();
    for (const name of shop.world.store.values.keys()) {
      if (/releases\/r-20261124/.test(name)) shop.world.store.remove([name]);
    }
    const act = () => shop.anna((box) => resume(box, {}));
    expect(await says('release.missing', 'resume', act)).toMatchInlineSnapshot(`
      "$ deployctl resume
      Error: rollout ro-… needs release r-…, which is not in Parameter Store any more

      Next:
        deployctl rollback --env sim   # needs nothing of a new release
        aws ssm delete-parameter --name /deployctl/shop/sim/rollouts/ro-…   # gives it up
        deployctl status --env sim    # then: what runs where
        deployctl rollout --env sim   # with the images that should serve
      (exit 11)"
    `);
    // What it says to type is a way out.
    for (const name of shop.world.store.values.keys()) {
      if (/rollouts\/ro-[^/]+$/.test(name)) shop.world.store.remove([name]);
    }
    expect(await shop.anna((box) => rollout(box, request()))).toMatchObject({ outcome: 'succeeded' });
  });
});

describe('interrupted', () => {
  it('before any change', async () => {
    const shop = await Shop.open();
    const { box, stop } = shop.person('anna');
    const confirm = (): Promise<boolean> => {
      stop();
      return Promise.resolve(true);
    };
    const act = () => shop.run(() => rollout(box, request({ confirm })));
    expect(await says('interrupted', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: interrupted before any change

      Next:
        the same command again
      (exit 130)"
    `);
  });
});

describe('a command in a container', () => {
  const refused = async (state: CommandState): Promise<string> => {
    const shop = await Shop.open();
    const id = 'c0ffee'.repeat(11).slice(0, 64);
    for (const { boxes } of shop.world.hosts.values())
      boxes.splice(0, boxes.length, ...boxes.map((each) => ({ ...each, id })));
    const act = () =>
      shop.anna((box) => {
        const runner = {
          ...box.runner,
          send: () => Promise.resolve('sent'),
          poll: () => Promise.resolve(new Map([['sent', state]])),
        };
        return logs({ ...box, runner }, { service: 'backend', instance: 'web-01' }, { tail: 10 });
      });
    return says('containers.lost', 'logs backend --instance web-01 --env sim', act);
  };

  it('gave no result', async () => {
    expect(await refused({ is: 'killed', why: 'it ran into its time limit' })).toMatchInlineSnapshot(`
      "$ deployctl logs backend --instance web-01 --env sim
      Error: the command on web-01 (i-00000001) gave no result: it ran into its time limit

      Next:
        the same command again
        deployctl status --env sim
      (exit 14)"
    `);
    expect(await refused({ is: 'undelivered', why: 'SSM reports DeliveryTimedOut' })).toMatchInlineSnapshot(`
      "$ deployctl logs backend --instance web-01 --env sim
      Error: the command on web-01 (i-00000001) gave no result: SSM reports DeliveryTimedOut

      Next:
        the same command again
        deployctl status --env sim
      (exit 14)"
    `);
    expect(await refused({ is: 'pending' })).toMatchInlineSnapshot(`
      "$ deployctl logs backend --instance web-01 --env sim
      Error: the command on web-01 (i-00000001) gave no result: no answer within 30 s

      Next:
        the same command again
        deployctl status --env sim
      (exit 14)"
    `);
  });
});

describe('what AWS says with no command to say what it means', () => {
  it('names the command that shows how it stands', async () => {
    const error = new PortError({
      kind: 'server',
      operation: 'ssm:PutParameter',
      message: 'ssm:PutParameter: HTTP 500',
    });
    expect(await says('aws.server', 'abort --env sim', thrown(error))).toMatchInlineSnapshot(`
      "$ deployctl abort --env sim
      Error: ssm:PutParameter: HTTP 500

      Next:
        try again in a moment
        deployctl status --env sim
      (exit 14)"
    `);
  });
});

describe('in the middle of a rollout', () => {
  const refused = async (kind: 'expired-credentials' | 'access-denied'): Promise<string> => {
    const shop = await Shop.open();
    const fault: Weather['fault'] = ({ name }) =>
      name === 'elbv2:DeregisterTargets' ? { is: 'refused', kind } : undefined;
    return says(`aws.${kind}`, 'rollout --backend new', () => shop.anna((box) => rollout(box, request()), { fault }));
  };

  it('the credentials end', async () => {
    expect(await refused('expired-credentials')).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: elbv2:DeregisterTargets was refused in the middle of the rollout: elbv2:DeregisterTargets: expired-credentials. The fleet is as it was after the last accepted change

      Next:
        renew the AWS credentials
        deployctl resume --env sim     # then continues it
        deployctl rollback --env sim   # or undoes it
      (exit 14)"
    `);
  });

  it('a right is missing', async () => {
    expect(await refused('access-denied')).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: elbv2:DeregisterTargets was refused in the middle of the rollout: elbv2:DeregisterTargets: access-denied. The fleet is as it was after the last accepted change

      Next:
        allow elasticloadbalancing:DeregisterTargets for this identity
        deployctl resume --env sim     # then continues it
        deployctl rollback --env sim   # or undoes it
      (exit 14)"
    `);
  });
});
