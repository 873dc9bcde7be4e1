import { describe, expect, it } from 'vitest';
import type { InstanceId } from '../../src/domain/ids.js';
import type { Container } from '../../src/domain/observation.js';
import { retire } from '../../src/operations/retire.js';
import { rollback } from '../../src/operations/rollback.js';
import { plan, rollout } from '../../src/operations/rollout.js';
import { status } from '../../src/operations/status.js';
import type { Scenario } from '../simulation/scenario.js';
import { digestOf, instanceId } from '../simulation/world/shape.js';
import { says } from './say.js';
import { request, Shop } from './world.js';

const blueGreen = { strategy: 'blue-green' } as const;
const yes = { confirm: (): Promise<boolean> => Promise.resolve(true) };
const agent = { repository: 'shop/frontend', name: 'metrics-agent' };

/** Somebody starts a container on a port of an instance. */
function starts(shop: Shop, port: number, foreign = agent, id: InstanceId = instanceId(1)): void {
  shop.world.hosts.get(id)?.add({
    service: 'metrics',
    color: 'blue',
    release: undefined,
    digest: digestOf('frontend', 'old'),
    port,
    foreign,
    status: 'running',
    restart: true,
    witnessed: true,
  });
}

/** What an inspect tells of an instance's containers and ports, changed. */
function tells(
  shop: Shop,
  change: { readonly containers?: readonly Partial<Container>[]; readonly facts?: object },
): void {
  const state = shop.world.commands.state.bind(shop.world.commands);
  shop.world.commands.state = (id) => {
    const told = state(id);
    if (told.is !== 'replied' || !told.reply.ok) return told;
    const { containers = [], facts } = told.reply;
    const [like] = containers;
    const more = (change.containers ?? []).flatMap(({ ours: _, ...each }): readonly Container[] => {
      if (like === undefined) return [];
      const { ours: __, ...rest } = like;
      return [{ ...rest, ...each }];
    });
    return {
      ...told,
      reply: {
        ...told.reply,
        containers: [...containers, ...more],
        ...(facts === undefined ? {} : { facts: { ...facts, ...change.facts } }),
      },
    };
  };
}

async function shopWith(scenario: Partial<Scenario>, change: (shop: Shop) => void): Promise<Shop> {
  const shop = await Shop.open({ fleet: 3, ...scenario });
  change(shop);
  return shop;
}

const rolloutIn = (shop: Shop): Promise<string> =>
  says('preflight.refused', 'rollout --backend new', () => shop.anna((box) => rollout(box, request())));

describe('what holds a port that is needed', () => {
  it('is a container on standby', async () => {
    const shop = await shopWith(blueGreen, (made) => {
      starts(made, 8081);
      starts(made, 8081, agent, instanceId(2));
    });
    const said = await rolloutIn(shop);
    expect(said).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): port 8081 of backend (green, standby) is held by container metrics-agent (image shop/frontend@sha256:…), which deployctl did not start
        - web-02 (i-00000002): port 8081 of backend (green, standby) is held by container metrics-agent (image shop/frontend@sha256:…), which deployctl did not start

      Next:
        docker rm -f metrics-agent on the instance, or give green of backend another port in deployctl.yml, or, if it is backend's own: environments.sim.services.backend.adopt: [metrics-agent]
      (exit 12)"
    `);
    const planned = await says('preflight.refused', 'plan --backend new', () =>
      shop.anna((box) => plan(box, request())),
    );
    expect(planned.split('\n').slice(1)).toEqual(said.split('\n').slice(1));
    expect((await shop.anna((box) => status(box))).problems).toMatchInlineSnapshot(`
      [
        "web-01 (i-00000001): port 8081 of backend (green, standby) is held by container metrics-agent (image shop/frontend@sha256:2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f), which deployctl did not start",
        "web-02 (i-00000002): port 8081 of backend (green, standby) is held by container metrics-agent (image shop/frontend@sha256:2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f), which deployctl did not start",
      ]
    `);
    expect(await says('preflight.refused', 'retire', () => shop.anna((box) => retire(box, yes))))
      .toMatchInlineSnapshot(`
      "$ deployctl retire
      Error: refused before any change:
        - web-01 (i-00000001): port 8081 of backend (green, standby) is held by container metrics-agent (image shop/frontend@sha256:…), which deployctl did not start
        - web-02 (i-00000002): port 8081 of backend (green, standby) is held by container metrics-agent (image shop/frontend@sha256:…), which deployctl did not start

      Next:
        docker rm -f metrics-agent on the instance, or give green of backend another port in deployctl.yml, or, if it is backend's own: environments.sim.services.backend.adopt: [metrics-agent]
      (exit 12)"
    `);
  });

  it('is not asked about on standby by a rolling rollout', async () => {
    const shop = await shopWith({}, (made) => starts(made, 8081));
    expect(await shop.anna((box) => rollout(box, request()))).toMatchObject({ outcome: 'succeeded', warnings: [] });
    const [host] = shop.world.hosts.values();
    expect(host?.boxes.find(({ foreign }) => foreign !== undefined)?.status).toBe('running');
  });

  it('runs the image of the service, which is adopted on the live color only', async () => {
    const own = { repository: 'shop/backend', name: 'debug' };
    const shop = await shopWith(blueGreen, (made) => starts(made, 8081, own));
    expect(await rolloutIn(shop)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): port 8081 of backend (green, standby) is held by container debug (image shop/backend@sha256:…), which deployctl did not start

      Next:
        docker rm -f debug on the instance, or give green of backend another port in deployctl.yml, or, if it is backend's own: environments.sim.services.backend.adopt: [debug]
      (exit 12)"
    `);
  });

  it('is what serves, and no image of the service', async () => {
    const shop = await shopWith({ before: 'adopted' }, ({ world }) => {
      for (const host of world.hosts.values())
        host.boxes = host.boxes.map((box) =>
          box.service === 'backend'
            ? { ...box, foreign: { repository: 'registry.example.com/old', name: 'api' } }
            : box,
        );
    });
    expect(await rolloutIn(shop)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): port 8080 of backend (blue, live) is held by container api (image registry.example.com/old@sha256:…), which deployctl did not start and which does not run an image of shop/backend
        - web-02 (i-00000002): port 8080 of backend (blue, live) is held by container api (image registry.example.com/old@sha256:…), which deployctl did not start and which does not run an image of shop/backend
        - web-03 (i-00000003): port 8080 of backend (blue, live) is held by container api (image registry.example.com/old@sha256:…), which deployctl did not start and which does not run an image of shop/backend

      Next:
        docker rm -f api on the instance, or give blue of backend another port in deployctl.yml, or, if it is backend's own: environments.sim.services.backend.adopt: [api]
      (exit 12)"
    `);
    const services = (names: readonly string[]) => (box: Parameters<typeof rollout>[0]) => {
      const adopting = box.settings.services.map((each) =>
        each.name === 'backend' ? { ...each, adopt: names } : each,
      );
      return rollout({ ...box, settings: { ...box.settings, services: adopting } }, request());
    };
    expect(await shop.anna(services(['api']))).toMatchObject({ outcome: 'succeeded' });
    const [host] = shop.world.hosts.values();
    expect(host?.boxes.find(({ foreign }) => foreign?.name === 'api')?.status).toBe('exited');
  });

  it('is another environment’s, another service’s, a process, or on the network of the host', async () => {
    const holder = { id: 'f', name: 'other', running: true, ports: [8081], imageReference: 'shop/backend:1' };
    const owners: readonly Partial<Container>[] = [
      { ...holder, owner: 'shop/staging' },
      { ...holder, adopted: { service: 'frontend', color: 'blue' } },
      { ...holder, running: false, paused: true },
    ];
    const seen: string[] = [];
    for (const owner of owners) {
      const shop = await shopWith(blueGreen, (made) => tells(made, { containers: [owner] }));
      seen.push(await rolloutIn(shop));
    }
    for (const listener of [
      { port: 8081, process: 'nginx (pid 812)' },
      { port: 8081, process: 'node (pid 813)', container: 'sidecar' },
    ]) {
      const shop = await shopWith(blueGreen, (made) => tells(made, { facts: { listeners: [listener] } }));
      seen.push(await rolloutIn(shop));
    }
    expect(seen.join('\n\n')).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which deployctl manages for shop/staging
        - web-02 (i-00000002): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which deployctl manages for shop/staging
        - web-03 (i-00000003): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which deployctl manages for shop/staging

      Next:
        give green of backend another port in deployctl.yml, or in that of shop/staging
      (exit 12)

      $ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which was adopted as frontend blue
        - web-02 (i-00000002): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which was adopted as frontend blue
        - web-03 (i-00000003): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which was adopted as frontend blue

      Next:
        docker rm -f other on the instance if nothing needs it, or give green of backend another port in deployctl.yml
      (exit 12)

      $ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which deployctl did not start
        - web-02 (i-00000002): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which deployctl did not start
        - web-03 (i-00000003): port 8081 of backend (green, standby) is held by container other (image shop/backend:1), which deployctl did not start

      Next:
        docker rm -f other on the instance, or give green of backend another port in deployctl.yml, or, if it is backend's own: environments.sim.services.backend.adopt: [other]
      (exit 12)

      $ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): port 8081 of backend (green, standby) is held by process nginx (pid 812)
        - web-02 (i-00000002): port 8081 of backend (green, standby) is held by process nginx (pid 812)
        - web-03 (i-00000003): port 8081 of backend (green, standby) is held by process nginx (pid 812)

      Next:
        end that process on the instance, or give green of backend another port in deployctl.yml
      (exit 12)

      $ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): port 8081 of backend (green, standby) is held by container sidecar, which uses the host's network
        - web-02 (i-00000002): port 8081 of backend (green, standby) is held by container sidecar, which uses the host's network
        - web-03 (i-00000003): port 8081 of backend (green, standby) is held by container sidecar, which uses the host's network

      Next:
        docker rm -f sidecar on the instance, or give green of backend another port in deployctl.yml
      (exit 12)"
    `);
  });

  it('has only a name that is needed, or will be started again one day', async () => {
    const named = { id: 'f', name: 'backend-green', running: false, ports: [], imageReference: 'x:1' };
    const shop = await shopWith(blueGreen, (made) => tells(made, { containers: [named] }));
    expect(await rolloutIn(shop)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: refused before any change:
        - web-01 (i-00000001): container backend-green (image x:1), which deployctl did not start, has a name that deployctl gives to the containers of backend
        - web-02 (i-00000002): container backend-green (image x:1), which deployctl did not start, has a name that deployctl gives to the containers of backend
        - web-03 (i-00000003): container backend-green (image x:1), which deployctl did not start, has a name that deployctl gives to the containers of backend

      Next:
        docker rename backend-green on the instance, or set container.name of backend in deployctl.yml
      (exit 12)"
    `);
    const asleep = { ...named, name: 'asleep', ports: [8081], restartPolicy: 'always' };
    const other = await shopWith(blueGreen, (made) => tells(made, { containers: [asleep] }));
    const { findings } = await other.anna((box) => plan(box, request()));
    expect(findings).toMatchInlineSnapshot(`
      [
        {
          "fix": "docker update --restart=no asleep on the instance",
          "level": "warn",
          "text": "web-01 (i-00000001): stopped container asleep (image x:1) is to have port 8081 of backend (green): its restart policy always starts it again with the Docker engine",
        },
        {
          "fix": "docker update --restart=no asleep on the instance",
          "level": "warn",
          "text": "web-02 (i-00000002): stopped container asleep (image x:1) is to have port 8081 of backend (green): its restart policy always starts it again with the Docker engine",
        },
        {
          "fix": "docker update --restart=no asleep on the instance",
          "level": "warn",
          "text": "web-03 (i-00000003): stopped container asleep (image x:1) is to have port 8081 of backend (green): its restart policy always starts it again with the Docker engine",
        },
      ]
    `);
  });

  it('keeps a rollback from what is not warm, and no other', async () => {
    const shop = await shopWith(blueGreen, () => undefined);
    expect(await shop.anna((box) => rollout(box, request()))).toMatchObject({ outcome: 'succeeded' });
    // Green is live; what is kept on blue has to be started there again.
    await shop.anna((box) => retire(box, yes));
    starts(shop, 8080);
    const act = () => shop.anna((box) => rollback(box, { force: false, ...yes }));
    expect(await says('preflight.refused', 'rollback', act)).toMatchInlineSnapshot(`
      "$ deployctl rollback
      Error: refused before any change:
        - web-01 (i-00000001): port 8080 of backend (blue, standby) is held by container metrics-agent (image shop/frontend@sha256:…), which deployctl did not start

      Next:
        docker rm -f metrics-agent on the instance, or give blue of backend another port in deployctl.yml, or, if it is backend's own: environments.sim.services.backend.adopt: [metrics-agent]
      (exit 12)"
    `);
    for (const host of shop.world.hosts.values())
      host.boxes = host.boxes.filter(({ foreign }) => foreign === undefined);
    expect(await act()).toMatchObject({ outcome: 'succeeded' });
  });
});
