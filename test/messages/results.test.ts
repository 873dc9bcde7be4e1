import { describe, expect, it } from 'vitest';
import { PortError } from '../../src/domain/errors.js';
import type { EventBody } from '../../src/domain/event.js';
import type { OperationResult } from '../../src/operations/drive.js';
import { breakLease } from '../../src/operations/lease.js';
import { resume } from '../../src/operations/resume.js';
import { rollback } from '../../src/operations/rollback.js';
import { rollout } from '../../src/operations/rollout.js';
import { steer } from '../../src/operations/steer.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { resultLine } from '../../src/presentation/result.js';
import { createLines } from '../../src/reporters/lines.js';
import type { Scenario } from '../simulation/scenario.js';
import { ManualClock, seededRandom } from '../_helpers/manual-clock.js';
import type { World } from '../simulation/world/world.js';
import { brief, says, typeable } from './say.js';
import { images, request, Shop } from './world.js';

/** Text that does not pack. */
const noise = seededRandom(7).hex(20_000);

type Act = (box: Toolbox) => Promise<OperationResult>;
const roll: Act = (box) => rollout(box, request());
const back = { force: false, confirm: () => Promise.resolve(true) } as const;

/** How an operation that has begun ends: its last lines on stderr, its result on stdout, its exit code. */
async function ends(shop: Shop, typed: string, act: Act): Promise<string> {
  let last = '';
  const lines = createLines({
    clock: new ManualClock(),
    timeZone: 'UTC',
    write: (text) => {
      last = text;
    },
  });
  const { box } = shop.person('anna');
  const emit: Toolbox['emit'] = (event) => {
    if (event.type === 'rollout.ended') lines.report({ ...event, at: 0 });
  };
  const result = await shop.run(() => act({ ...box, emit }));
  await lines.close();
  const next = result.next.map((line) => `  ${line}`).join('\n');
  await typeable(`\nNext:\n${next}`, []);
  for (const line of result.next)
    expect(last, 'what to type next stands in the last lines').toContain(line.replace(/ +#.*/, ''));
  const took = /took [^,]+,/g;
  const said = `${last.replace(/^\S+ {2}/, '').replace(/^ {10}/gm, '')}${resultLine(result)}`;
  return brief(`$ deployctl ${typed}\n${said.replace(took, 'took TIME,')}\n(exit ${String(result.exitCode)})`);
}

const rollsOut = async (
  scenario: Partial<Scenario>,
  change: (world: World) => void = () => undefined,
): Promise<string> => {
  const shop = await Shop.open(scenario);
  change(shop.world);
  return ends(shop, 'rollout --backend new', roll);
};

describe('failed and rolled back (10)', () => {
  it('it does not get well on the instance', async () => {
    expect(await rollsOut({ fate: 'never-healthy' })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout failed and was undone; the previous release is serving: backend on web-01 (i-00000001): the health path answers 503
      backend  old → new
      serving now: backend old, frontend old
      ro-… of shop/sim, rolling, took TIME, by anna
      start of backend failed (unhealthy): the health path answers 503
      Next: deployctl history --env sim
      Next: deployctl status --env sim
      rolled back: shop/sim serves r-… again
      (exit 10)"
    `);
  });

  it('it ends again and again', async () => {
    expect(await rollsOut({ fate: 'crash-loop' })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout failed and was undone; the previous release is serving: backend on web-01 (i-00000001): the container ended while it was watched
      backend  old → new
      serving now: backend old, frontend old
      ro-… of shop/sim, rolling, took TIME, by anna
      start of backend failed (exited): the container ended while it was watched
      Next: deployctl history --env sim
      Next: deployctl status --env sim
      rolled back: shop/sim serves r-… again
      (exit 10)"
    `);
  });

  it('the load balancer calls it unhealthy', async () => {
    expect(await rollsOut({ fate: 'balancer-only' })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout failed and was undone; the previous release is serving: backend on web-01 (i-00000001): the load balancer calls it unhealthy: no reason given
      backend  old → new
      serving now: backend old, frontend old
      ro-… of shop/sim, rolling, took TIME, by anna
      Next: deployctl history --env sim
      Next: deployctl status --env sim
      rolled back: shop/sim serves r-… again
      (exit 10)"
    `);
  });

  it('it ends when all of it serves', async () => {
    expect(await rollsOut({ fate: 'dies', strategy: 'blue-green' })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout failed and was undone; the previous release is serving: backend on web-01 (i-00000001): the container is gone after it had passed its checks; backend on web-02 (i-00000002): the container is gone after it had passed its checks
      backend  old → new
      serving now: backend old, frontend old
      ro-… of shop/sim, blue-green, took TIME, by anna
      Next: deployctl history --env sim
      Next: deployctl status --env sim
      rolled back: shop/sim serves r-… again
      (exit 10)"
    `);
    expect(await rollsOut({ fate: 'restarts' })).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout failed and was undone; the previous release is serving: backend on web-01 (i-00000001): the container ended after it had passed its checks, and was started again (restarts: 1); backend on web-02 (i-00000002): the container ended after it had passed its checks, and was started again (restarts: 1)
      backend  old → new
      serving now: backend old, frontend old
      ro-… of shop/sim, rolling, took TIME, by anna
      Next: deployctl history --env sim
      Next: deployctl status --env sim
      rolled back: shop/sim serves r-… again
      (exit 10)"
    `);
  });

  it('somebody asked to abort', async () => {
    const shop = await Shop.open();
    const act: Act = async (box) => {
      const { box: bob } = shop.person('bob');
      let asked: Promise<unknown> | undefined;
      const emit: Toolbox['emit'] = (event) => {
        if (event.type === 'action.sent') asked ??= steer(bob, 'abort', { reason: 'wrong ticket' });
        box.emit(event);
      };
      const result = await rollout({ ...box, emit }, request());
      await asked;
      return result;
    };
    expect(await ends(shop, 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout was undone as asked; the previous release is serving: bob asked to abort: wrong ticket
      backend  old → new
      serving now: backend old, frontend old
      ro-… of shop/sim, rolling, took TIME, by anna
      Next: deployctl history --env sim
      Next: deployctl status --env sim
      rolled back: shop/sim serves r-… again
      (exit 10)"
    `);
  });
});

describe('waits for a person (14)', () => {
  it('the release says rollback: manual', async () => {
    const shop = await Shop.open({ fate: 'never-healthy' });
    const act: Act = (box) => {
      const services = box.settings.services.map((each) => ({
        ...each,
        run: { ...each.run, rollback: 'manual' as const },
      }));
      return rollout({ ...box, settings: { ...box.settings, services } }, request());
    };
    expect(await ends(shop, 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout is on hold; a person is needed: backend on web-01 (i-00000001): the health path answers 503. backend says rollback: manual, so nothing is rolled back by itself
      backend  old → new
      serving now: unclear
      ro-… of shop/sim, rolling, took TIME, by anna
      start of backend failed (unhealthy): the health path answers 503
      Next: deployctl resume --env sim # goes on from what is observed
      Next: deployctl rollback --env sim # goes back
      held: shop/sim waits for a human: backend on web-01 (i-00000001): the health path answers 503. backend says rollback: manual, so nothing is rolled back by itself
      (exit 14)"
    `);
  });

  it('another hand has changed the weights', async () => {
    const shop = await Shop.open({ strategy: 'blue-green' });
    const { balancer, shape } = shop.world;
    const act: Act = (box) => {
      let done = false;
      const emit: Toolbox['emit'] = (event) => {
        if (event.type === 'traffic.shifted' && !done) {
          done = true;
          const [backend] = shape.services;
          const [route] = backend?.routes ?? [];
          if (backend === undefined || route === undefined) throw new Error('no backend');
          balancer.write(route, [{ group: backend.colors.green.group, weight: 77 }], undefined);
        }
        box.emit(event);
      };
      return rollout({ ...box, emit }, request());
    };
    expect(await ends(shop, 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout is on hold; a person is needed: arn:…/app/shop/1/1/api: the weights are 90/77 (46% on the new color), which is no step of this rollout: another hand changed them
      backend  old → new
      serving now: unclear
      ro-… of shop/sim, blue-green, took TIME, by anna
      Next: deployctl resume --env sim # goes on from what is observed
      Next: deployctl rollback --env sim # goes back
      held: shop/sim waits for a human: arn:…/app/shop/1/1/api: the weights are 90/77 (46% on the new color), which is no step of this rollout: another hand changed them
      (exit 14)"
    `);
  });

  it('it was paused for too long', async () => {
    const shop = await Shop.open();
    const act: Act = async (box) => {
      const { box: bob } = shop.person('bob');
      let asked: Promise<unknown> | undefined;
      const emit: Toolbox['emit'] = (event) => {
        if (event.type === 'action.sent') asked ??= steer(bob, 'pause', { reason: 'lunch', for: 60_000 });
        box.emit(event);
      };
      const result = await rollout({ ...box, emit }, request());
      await asked;
      return result;
    };
    expect(await ends(shop, 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout is on hold; a person is needed: paused by bob (lunch) before: pull the images
      backend  old → new
      serving now: unclear
      ro-… of shop/sim, rolling, took TIME, by anna
      Next: deployctl resume --env sim # goes on from what is observed
      Next: deployctl rollback --env sim # goes back
      held: shop/sim waits for a human: paused by bob (lunch) before: pull the images
      (exit 14)"
    `);
  });
});

describe('needs a human (11)', () => {
  it('the first installation failed', async () => {
    const shop = await Shop.open({ fate: 'never-healthy', before: 'adopted' });
    for (const { boxes } of shop.world.hosts.values())
      boxes.splice(0, boxes.length, ...boxes.filter(({ service }) => service !== 'backend'));
    const failed = await ends(shop, 'rollout --backend new', roll);
    // What it says to type is a way out.
    const works: Act = (box) => rollout(box, request({ images: images('newer') }));
    expect(await ends(shop, 'rollout --backend newer', works)).toMatch(/^done: shop\/sim serves /m);
    expect(failed).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout failed; a person is needed: backend on web-01 (i-00000001): the health path answers 503; cannot be brought back: backend: nothing ran before this rollout, so there is nothing to go back to
      backend  none → new
      serving now: unclear
      ro-… of shop/sim, rolling, took TIME, by anna
      start of backend failed (unhealthy): the health path answers 503
      Next: deployctl status --env sim
      Next: deployctl rollout --env sim # with images that work: nothing ran before
      failed: shop/sim needs a human: backend on web-01 (i-00000001): the health path answers 503; cannot be brought back: backend: nothing ran before this rollout, so there is nothing to go back to
      (exit 11)"
    `);
  });
});

describe('the lease is lost in the midst of it (130)', () => {
  /** Anna's rollout, in the midst of which `strike` happens once, when `isDue`. */
  const struck = (isDue: (event: EventBody) => boolean, strike: () => Promise<unknown> | undefined): Act => {
    return async (box) => {
      let done: Promise<unknown> | undefined;
      let begun = false;
      const emit: Toolbox['emit'] = (event) => {
        if (!begun && isDue(event)) {
          begun = true;
          done = strike();
        }
        box.emit(event);
      };
      const result = await rollout({ ...box, emit }, request());
      await done;
      return result;
    };
  };

  it('somebody released it while instances are out of the load balancer', async () => {
    const shop = await Shop.open();
    const drains = (event: EventBody): boolean => event.type === 'action.sent' && event.action.is === 'deregister';
    const act = struck(drains, () => breakLease(shop.person('bob').box, true));
    expect(await ends(shop, 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout was interrupted: neither finished nor undone: the lease on shop/sim (generation 2) is lost: it was taken by bob (pid 10 on laptop), "lease release" since 2026-11-24 12:00:10Z, last heartbeat 9 s ago, generation 3. Out of the load balancer until it is resumed or rolled back: backend on web-01 (i-00000001)
      backend  old → new
      serving now: unclear
      ro-… of shop/sim, rolling, took TIME, by anna
      Next: deployctl status --env sim # who holds the lease now, and what serves
      Next: deployctl resume --env sim # once nobody holds it: continues
      Next: deployctl rollback --env sim # or rolls back
      interrupted: shop/sim can be resumed
      (exit 130)"
    `);
    expect(await ends(shop, 'resume', (box) => resume(box, {}))).toMatch(/\(exit 0\)$/);
  });

  it('somebody released it in the midst of a shift', async () => {
    const shop = await Shop.open({ strategy: 'blue-green' });
    const shifts = (event: EventBody): boolean => event.type === 'traffic.shifted';
    const act = struck(shifts, () => breakLease(shop.person('bob').box, true));
    expect(await ends(shop, 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout was interrupted: neither finished nor undone: the lease on shop/sim (generation 2) is lost: it was taken by bob (pid 16 on laptop), "lease release" since 2026-11-24 12:00:22Z, last heartbeat 8 s ago, generation 3. Traffic, as last read: backend blue 90% and green 10%
      backend  old → new
      serving now: unclear
      ro-… of shop/sim, blue-green, took TIME, by anna
      Next: deployctl status --env sim # who holds the lease now, and what serves
      Next: deployctl resume --env sim # once nobody holds it: continues
      Next: deployctl rollback --env sim # or rolls back
      interrupted: shop/sim can be resumed
      (exit 130)"
    `);
    expect(await ends(shop, 'rollback', (box) => rollback(box, back))).toMatch(/\(exit 0\)$/);
  });

  it('an instance follows a newer rollout', async () => {
    const shop = await Shop.open();
    const act = struck(
      ({ type }) => type === 'action.sent',
      () => {
        const { store, hosts } = shop.world;
        const [, own = ''] = [...store.values].find(([name]) => name.endsWith('/lease/2')) ?? [];
        store.create(
          '/deployctl/shop/sim/lease/9',
          own.replace('"generation":2', '"generation":9').replace('anna', 'carol'),
        );
        for (const host of hosts.values()) host.fence = [9, 0, 1];
        return undefined;
      },
    );
    expect(await ends(shop, 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout was interrupted: neither finished nor undone: another deployctl has taken over this rollout: web-01 (i-00000001) follows a newer rollout: fence 2.0.1 is older than 9.0.1, which was here before; nothing was done
      backend  old → new
      serving now: unclear
      ro-… of shop/sim, rolling, took TIME, by anna
      pull failed (fenced): fence 2.0.1 is older than 9.0.1, which was here before; nothing was done
      Next: deployctl status --env sim # who holds the lease now, and what serves
      Next: deployctl resume --env sim # once nobody holds it: continues
      Next: deployctl rollback --env sim # or rolls back
      interrupted: shop/sim can be resumed
      (exit 130)"
    `);
  });

  it('a rollout that was at its end, which could not be recorded', async () => {
    const shop = await Shop.open();
    const { box } = shop.person('anna');
    let released: Promise<unknown> | undefined;
    const state: Toolbox['state'] = {
      ...box.state,
      writeOutcome: async (...args) => {
        released ??= breakLease(shop.person('bob').box, true);
        await released;
        return box.state.writeOutcome(...args);
      },
    };
    const result = await shop.run(() => rollout({ ...box, state }, request()));
    expect(brief(`${result.outcome} ${String(result.exitCode)} ${result.reason}`)).toMatchInlineSnapshot(
      `"interrupted 130 the lease on shop/sim (generation 2) is lost: it was taken by bob (pid 18 on laptop), "lease release" since 2026-11-24 12:01:03Z, last heartbeat 7 s ago, generation 3. The end (succeeded: every instance serves the release and passed its bake) could not be recorded"`,
    );
    expect(await ends(shop, 'resume', (bob) => resume(bob, {}))).toMatch(/\(exit 0\)$/);
  });
});

describe('an error in the midst of a rollout is no refusal', () => {
  it('a store that does not answer any more', async () => {
    const shop = await Shop.open();
    const { box } = shop.person('anna');
    let writes = 0;
    const state: Toolbox['state'] = {
      ...box.state,
      writeRecord: (...args) => {
        writes += 1;
        if (writes < 4) return box.state.writeRecord(...args);
        const message = 'connect ETIMEDOUT';
        return Promise.reject(new PortError({ kind: 'network', operation: 'ssm:PutParameter', message }));
      },
    };
    const act = () => shop.run(() => rollout({ ...box, state }, request()));
    expect(await says('aws.network', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: connect ETIMEDOUT. The rollout has begun, and stands half-way

      Next:
        check the connection to AWS (region, AWS_ENDPOINT_URL, proxy) and try again
        deployctl resume --env sim     # goes on from what is observed
        deployctl rollback --env sim   # goes back
      (exit 14)"
    `);
  });

  it('a record that has no room in the store', async () => {
    const shop = await Shop.open();
    const { box } = shop.person('anna');
    let writes = 0;
    const state: Toolbox['state'] = {
      ...box.state,
      writeRecord: (record, ...rest) => {
        writes += 1;
        return box.state.writeRecord(writes < 4 ? record : { ...record, reason: noise }, ...rest);
      },
    };
    const act = () => shop.run(() => rollout({ ...box, state }, request()));
    expect(await says('state.too-large', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: /deployctl/shop/sim/rollouts/ro-… would hold 21930 bytes (15580 compressed); a parameter holds at most 4096. The rollout has begun, and stands half-way

      Next:
        shorten what the configuration makes it hold: fewer routes or services in one environment
        deployctl resume --env sim     # goes on from what is observed
        deployctl rollback --env sim   # goes back
      (exit 14)"
    `);
  });
});

describe('interrupted (130) and gone on with', () => {
  it('an interrupt in the middle', async () => {
    const shop = await Shop.open();
    const { box, stop } = shop.person('bob');
    let result: OperationResult | undefined;
    const emit: Toolbox['emit'] = (event) => {
      if (event.type === 'action.sent') stop();
    };
    await shop.run(async () => {
      result = await rollout({ ...box, emit }, request());
    });
    if (result === undefined) throw new Error('no result');
    const text = `${resultLine(result)}\n${result.next.join('\n')}\n(exit ${String(result.exitCode)})`;
    expect(text).toMatchInlineSnapshot(`
      "interrupted: shop/sim can be resumed
      deployctl resume --env sim     # goes on from what is observed
      deployctl rollback --env sim   # goes back
      (exit 130)"
    `);
    expect(await ends(shop, 'resume', (anna) => resume(anna, {}))).toMatchInlineSnapshot(`
      "$ deployctl resume
      Rollout succeeded: every instance serves the release and passed its bake
      backend  old → new
      serving now: backend new, frontend old
      ro-… of shop/sim, rolling, took TIME, by bob
      Next: deployctl rollback --env sim # if it turns out bad
      done: shop/sim serves r-… (backend old → new)
      (exit 0)"
    `);
    expect(await ends(shop, 'rollback', (anna) => rollback(anna, back))).toMatchInlineSnapshot(`
      "$ deployctl rollback
      Rollback succeeded: every instance serves the release and passed its bake
      backend  new → old
      serving now: backend old, frontend old
      ro-… of shop/sim, rolling, took TIME, by anna
      done: shop/sim serves r-… (backend new → old)
      (exit 0)"
    `);
    expect(await ends(shop, 'rollout --backend new', roll)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Rollout succeeded: every instance serves the release and passed its bake
      backend  old → new
      serving now: backend new, frontend old
      ro-… of shop/sim, rolling, took TIME, by anna
      Next: deployctl rollback --env sim # if it turns out bad
      done: shop/sim serves r-… (backend old → new)
      (exit 0)"
    `);
  });
});
