import { describe, expect, it } from 'vitest';
import { choose } from '../../src/operations/containers.js';
import { historyShow } from '../../src/operations/history.js';
import { resume } from '../../src/operations/resume.js';
import { rollback } from '../../src/operations/rollback.js';
import { plan, rollout } from '../../src/operations/rollout.js';
import { steer } from '../../src/operations/steer.js';
import { validate } from '../../src/operations/validate.js';
import { says } from './say.js';
import { inShop, request, Shop } from './world.js';

const back = { force: false, confirm: () => Promise.resolve(true) } as const;

describe('refused before any change: what was asked for cannot be', () => {
  it('nobody confirmed', async () => {
    const act = () => inShop((box) => rollout(box, request({ confirm: () => Promise.resolve(false) })));
    expect(await says('declined', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: not confirmed; nothing was changed

      Next:
        pass --yes to go on without being asked
      (exit 12)"
    `);
  });

  it('a rollout that has not ended', async () => {
    const shop = await Shop.open();
    await shop.bobWasInterrupted();
    const act = () => shop.anna((box) => rollout(box, request()));
    expect(await says('rollout.unfinished', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: rollout ro-… of shop/sim by bob has not ended (phase: pull the images). Nothing was changed

      Next:
        deployctl resume --env sim     # continues it
        deployctl rollback --env sim   # undoes it
      (exit 12)"
    `);
  });

  it('weights that an unfinished rollout left half-way, and another release is wanted', async () => {
    const shop = await Shop.open({ strategy: 'blue-green', extras: ['warm'] });
    await shop.bobWasInterrupted();
    const { world } = shop;
    for (const route of world.balancer.routes.values()) {
      const [blue] = world.shape.services.filter(({ name }) => name === route.service).map(({ colors }) => colors);
      if (blue === undefined) continue;
      const { group } = blue.green;
      world.balancer.write(route.arn, [{ group, weight: 50 }], undefined);
    }
    const act = () => shop.anna((box) => rollback(box, { ...back, to: 'r-20261101-120000-0009' }));
    expect(await says('rollout.unfinished', 'rollback --to r-9', act)).toMatchInlineSnapshot(`
      "$ deployctl rollback --to r-9
      Error: rollout ro-… of sim by bob has not ended (phase: pull the images) and left its weights half-way; what serves must be one release before a rollback to another. Nothing was changed

      Next:
        deployctl rollback --env sim   # undoes it: back to r-…
        deployctl rollback --env sim --to r-…   # then
      (exit 12)"
    `);
  });

  it('a plan while a rollout runs', async () => {
    const shop = await Shop.open({ strategy: 'blue-green' });
    const { stop, over } = await shop.bobRollsOut(({ type }) => type === 'traffic.shifted');
    const planned = () => shop.anna((box) => plan(box, request()));
    expect(await says('rollout.running', 'plan --backend new', planned)).toMatchInlineSnapshot(`
      "$ deployctl plan --backend new
      Error: rollout ro-… of shop/sim by bob is running (phase: 10% of the traffic to the new color). Nothing was changed

      Next:
        deployctl status --env sim --watch   # follows it to its end
      (exit 13)"
    `);
    stop();
    await shop.run(() => over);
    expect(await says('rollout.unfinished', 'plan --backend new', planned)).toMatchInlineSnapshot(`
      "$ deployctl plan --backend new
      Error: rollout ro-… of shop/sim by bob has not ended (phase: bake: targets and containers are watched (no gates are configured)). Nothing was changed

      Next:
        deployctl resume --env sim     # continues it
        deployctl rollback --env sim   # undoes it
      (exit 12)"
    `);
  });

  it('what a damaged parameter holds', async () => {
    const shop = await Shop.open();
    await shop.bobWasInterrupted();
    const { store } = shop.world;
    for (const name of store.values.keys())
      if (/releases\/r-20261124[^/]*\/backend$/.test(name)) store.values.set(name, '{');
    const resumed = () => shop.anna((box) => resume(box, {}));
    expect(await says('release.damaged', 'resume', resumed)).toMatchInlineSnapshot(`
      "$ deployctl resume
      Error: rollout ro-… needs release r-…: the parameter /deployctl/shop/sim/releases/r-…/backend cannot be read: it is not JSON: Expected property name or '}' in JSON at position 1. No container tells enough of it. Nothing was changed

      Next:
        restore it (aws ssm get-parameter-history --name /deployctl/shop/sim/releases/r-…/backend has its earlier versions), or, if it is of no use: aws ssm delete-parameter --name /deployctl/shop/sim/releases/r-…/backend
        deployctl rollback --env sim   # needs nothing of a new release
      (exit 12)"
    `);
    for (const name of store.values.keys()) if (/rollouts\/ro-20261124[^/]*$/.test(name)) store.values.set(name, '{');
    const shown = () =>
      shop.anna((box) =>
        historyShow(
          box,
          [...store.values.keys()]
            .find((name) => /rollouts\/ro-20261124[^/]*$/.test(name))
            ?.split('/')
            .at(-1),
        ),
      );
    expect(await says('history.damaged', 'history show ro-1', shown)).toMatchInlineSnapshot(`
      "$ deployctl history show ro-1
      Error: the parameter /deployctl/shop/sim/rollouts/ro-… cannot be read: it is not JSON: Expected property name or '}' in JSON at position 1

      Next:
        restore it (aws ssm get-parameter-history --name /deployctl/shop/sim/rollouts/ro-… has its earlier versions), or, if it is of no use: aws ssm delete-parameter --name /deployctl/shop/sim/rollouts/ro-…
        deployctl history --env sim
      (exit 12)"
    `);
  });

  it('nothing to resume', async () => {
    const act = () => inShop((box) => resume(box, {}));
    expect(await says('resume.nothing', 'resume', act)).toMatchInlineSnapshot(`
      "$ deployctl resume
      Error: no rollout of sim is unfinished, so there is nothing to resume

      Next:
        deployctl status --env sim
      (exit 12)"
    `);
  });

  it('a hook that says no', async () => {
    const hooks = { has: () => true, run: () => Promise.resolve('./freeze.sh: exit 1: no releases on Friday') };
    const act = () => inShop((box) => rollout({ ...box, hooks }, request()));
    expect(await says('hook.refused', 'rollout --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: the hook pre-rollout refused the rollout: ./freeze.sh: exit 1: no releases on Friday. Nothing was changed

      Next:
        give the hook what it asks for, or change hooks.pre-rollout in deployctl.yml; then the same command again
      (exit 12)"
    `);
  });

  it('a validation while a rollout runs', async () => {
    const shop = await Shop.open();
    await shop.bobWasInterrupted();
    const probe = {
      name: 'home',
      url: 'https://shop.example/',
      interval: 1000,
      timeout: 1000,
      status: [[200, 299]],
      successRate: 0.99,
      minSamples: 10,
    } as const;
    const act = () =>
      shop.anna((box) => {
        const settings = { ...box.settings, validation: { ...box.settings.validation, probes: [probe] } };
        return validate({ ...box, settings }, { autoRollback: false });
      });
    expect(await says('validate.running', 'validate', act)).toMatchInlineSnapshot(`
      "$ deployctl validate
      Error: ro-… of sim has not ended: it judges its release itself, with its gates

      Next:
        deployctl status --env sim --watch   # and then validate
      (exit 12)"
    `);
  });

  it('a container that does not run', async () => {
    const act = () => inShop((box) => choose(box, { service: 'backend', color: 'green' }));
    expect(await says('containers.none', 'logs backend --color green', act)).toMatchInlineSnapshot(`
      "$ deployctl logs backend --color green
      Error: backend does not run on any instance in green

      Next:
        deployctl status --env sim
      (exit 12)"
    `);
    const elsewhere = () => inShop((box) => choose(box, { service: 'backend', instance: 'web-9' }));
    expect(await says('containers.none', 'logs backend --instance web-9', elsewhere)).toMatchInlineSnapshot(`
      "$ deployctl logs backend --instance web-9
      Error: sim has no instance web-9; it has web-01 (i-00000001), web-02 (i-00000002)

      Next:
        deployctl status --env sim
      (exit 12)"
    `);
  });

  it('a rollout that history does not know', async () => {
    const act = (id: string | undefined) => async () => {
      const shop = await Shop.open({ before: 'adopted' });
      return shop.anna((box) => historyShow(box, id));
    };
    expect(await says('history.unknown', 'history show', act(undefined))).toMatchInlineSnapshot(`
      "$ deployctl history show
      Error: shop/sim has no rollout to show: there is none yet

      Next:
        deployctl status --env sim
      (exit 12)"
    `);
    expect(await says('history.unknown', 'history show ro-9', act('ro-9'))).toMatchInlineSnapshot(`
      "$ deployctl history show ro-9
      Error: no rollout of shop/sim has the id "ro-9", or ends with it; there is none yet

      Next:
        deployctl status --env sim
      (exit 12)"
    `);
    const shop = await Shop.open();
    await shop.bobWasInterrupted();
    const known = () => shop.anna((box) => historyShow(box, 'ro-9'));
    expect(await says('history.unknown', 'history show ro-9', known)).toMatchInlineSnapshot(`
      "$ deployctl history show ro-9
      Error: no rollout of shop/sim has the id "ro-9", or ends with it; the newest are ro-…, ro-…

      Next:
        deployctl history --env sim
      (exit 12)"
    `);
  });
});

describe('refused: a request to a rollout that cannot mean anything', () => {
  it('no rollout runs', async () => {
    for (const is of ['abort', 'pause', 'promote'] as const) {
      const text = await says(`${is}.nothing`, is, () => inShop((box) => steer(box, is, {})));
      expect(text.replaceAll(is, 'STEER')).toMatchInlineSnapshot(`
        "$ deployctl STEER
        Error: no rollout of sim is running, so there is nothing to STEER

        Next:
          deployctl status --env sim
        (exit 12)"
      `);
    }
  });

  it('its process is gone', async () => {
    const shop = await Shop.open();
    await shop.bobWasInterrupted();
    expect(await says('pause.not-driven', 'pause', () => shop.anna((box) => steer(box, 'pause', {}))))
      .toMatchInlineSnapshot(`
        "$ deployctl pause
        Error: the process of ro-… is gone, so nobody would hear the request to pause

        Next:
          deployctl resume --env sim     # goes on with it
          deployctl rollback --env sim   # undoes it
        (exit 12)"
      `);
    expect(await says('promote.not-driven', 'promote', () => shop.anna((box) => steer(box, 'promote', {}))))
      .toMatchInlineSnapshot(`
        "$ deployctl promote
        Error: the process of ro-… is gone, so nobody would hear the request to promote

        Next:
          deployctl resume --env sim     # goes on with it
          deployctl rollback --env sim   # undoes it
        (exit 12)"
      `);
  });

  it('it is on its way back', async () => {
    const shop = await Shop.open({ fate: 'never-healthy' });
    let back = false;
    await shop.bobRollsOut(({ type }) => {
      back ||= type === 'rollback.started';
      return back && type === 'action.sent';
    });
    for (const is of ['pause', 'promote'] as const) {
      const text = await says(`${is}.way-back`, is, () => shop.anna((box) => steer(box, is, {})));
      expect(text.replaceAll(is, 'STEER')).toMatchInlineSnapshot(`
        "$ deployctl STEER
        Error: ro-… is on its way back, and a way back is not held up: there is nothing to STEER

        Next:
          deployctl status --env sim
        (exit 12)"
      `);
    }
  });

  it('a pause beyond the deadline', async () => {
    const shop = await Shop.open();
    await shop.bobRollsOut();
    const act = () => shop.anna((box) => steer(box, 'pause', { for: 7_200_000 }));
    expect(await says('pause.too-long', 'pause --for 2h', act)).toMatchInlineSnapshot(`
      "$ deployctl pause --for 2h
      Error: a pause of 120 minutes would outlast the deadline of ro-…, at which it is rolled back: 14 minutes are left (timing.deadline)

      Next:
        deployctl pause --env sim --for 14m
      (exit 12)"
    `);
  });
});
