import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Color, Service, Shop } from './kit.js';
import { at, expectClean, failed, openShop, rolloutTo, SERVICES } from './kit.js';

const COLORS: readonly Color[] = ['blue', 'green'];
const KEEP = 2;
const PORTS = { backend: { blue: 8081, green: 8082 }, frontend: { blue: 8091, green: 8092 } } as const;

/** What `docker inspect` says on an instance of a container and of its image. */
const found = z.object({
  id: z.string(),
  name: z.string().transform((name) => name.replace(/^\//, '')),
  status: z.string(),
  policy: z.string(),
  labels: z.record(z.string(), z.string()).nullable(),
  image: z.string(),
  ports: z.record(z.string(), z.array(z.object({ HostPort: z.string() }))),
});
const foundImage = z.object({ id: z.string(), tags: z.array(z.string()), digests: z.array(z.string()) });
type Found = z.infer<typeof found> & { readonly tags: readonly string[]; readonly digests: readonly string[] };

interface Status {
  readonly services: readonly { service: Service; release: string; live: Color }[];
}
interface History {
  readonly outcomes: readonly { to: string; serving: string; images: Readonly<Record<Service, string>> }[];
}

/** Containers that are set aside, per service and color, on each instance. */
type Kept = Readonly<Record<Service, Readonly<Record<Color, number>>>>;
const kept = (blue: number, green: number): Kept => ({ backend: { blue, green }, frontend: { blue, green } });

/** A line of shell that prints a JSON object a thing. SSM would look for pairs of braces in the command. */
function asJson(what: string, fields: Readonly<Record<string, string>>, ids: string): string {
  const template = Object.entries(fields).map(([name, path]) => `"${name}":<<json ${path}>>`);
  const braces = `sed "s/<</$(printf '\\173\\173')/g; s/>>/$(printf '\\175\\175')/g"`;
  return `docker ${what} --format "$(printf %s '{${template.join(',')}}' | ${braces})" ${ids}`;
}

/** What is on the instances, compared with the record after each step: one fleet through both strategies, a rollback without a registry, and a reboot. */
describe('the containers on the instances are those of the record', () => {
  let shop: Shop;
  let instances: readonly string[];
  beforeAll(async () => {
    shop = await openShop({
      instances: 2,
      config: (file) => {
        const production = at(file, 'environments', 'production');
        production['keep'] = KEEP;
        production['steps'] = [100];
      },
    });
    instances = shop.status.instances.map(({ id }) => id);
  });
  afterAll(() => shop.dispose());

  /** All containers of an instance with their images, as Docker there tells them. */
  const look = async (instance: string): Promise<readonly Found[]> => {
    const container = asJson(
      'inspect --type container',
      {
        id: '.Id',
        name: '.Name',
        status: '.State.Status',
        policy: '.HostConfig.RestartPolicy.Name',
        labels: '.Config.Labels',
        image: '.Image',
        ports: '.HostConfig.PortBindings',
      },
      '$(docker ps -aq --no-trunc)',
    );
    const containers = (await shop.aws.shell(instance, container)).trim().split('\n');
    const all = containers.map((line) => found.parse(JSON.parse(line)));
    const ids = [...new Set(all.map(({ image }) => image))].join(' ');
    const lines = await shop.aws.shell(
      instance,
      asJson('image inspect', { id: '.Id', tags: '.RepoTags', digests: '.RepoDigests' }, ids),
    );
    const images = lines
      .trim()
      .split('\n')
      .map((line) => foundImage.parse(JSON.parse(line)));
    return all.map((one) => {
      const image = images.find(({ id }) => id === one.image);
      return { ...one, tags: image?.tags ?? [], digests: image?.digests ?? [] };
    });
  };

  /** Those of a slot: labelled, or set aside under the slot's name. */
  const inSlot = (all: readonly Found[], service: Service, color: Color): readonly Found[] =>
    all.filter(({ name, labels }) =>
      labels?.['deployctl.service'] === undefined
        ? name.startsWith(`${service}-${color}-`)
        : labels['deployctl.service'] === service && labels['deployctl.color'] === color,
    );

  /**
   * Every container of every instance against the record: what serves and what is warm is the digest of its release, labelled and restarted as
   * documented, and so many are kept, stopped for good.
   */
  const compare = async (expected: { readonly kept: Kept; readonly warm?: Color }): Promise<void> => {
    const status = await shop.json<Status>(0, ['status']);
    const { outcomes } = await shop.json<History>(0, ['history']);
    const recorded = (release: string, service: Service): string | undefined =>
      /sha256:[0-9a-f]{12}/.exec(outcomes.find(({ to }) => to === release)?.images[service] ?? '')?.[0];
    expect(status.services.map(({ release }) => release)).toEqual(SERVICES.map(() => outcomes[0]?.serving));
    for (const instance of instances) {
      const all = await look(instance);
      for (const { service, release, live } of status.services) {
        for (const color of COLORS) {
          const slot = inSlot(all, service, color);
          const where = `${service} ${color} on ${instance}: ${JSON.stringify(slot, undefined, 1)}`;
          const up = slot.filter((one) => one.status === 'running');
          expect(up, where).toHaveLength(color === live || color === expected.warm ? 1 : 0);
          for (const one of up) {
            const own = one.labels?.['deployctl.release'] ?? '';
            if (color === live) expect(own, where).toBe(release);
            const digest = one.digests.find((name) => name.startsWith(`shop/${service}@`))?.split('@')[1];
            expect(digest?.slice(0, 'sha256:'.length + 12), where).toBe(recorded(own, service));
            expect(one.labels, where).toEqual({
              'deployctl.app': 'shop',
              'deployctl.environment': 'production',
              'deployctl.service': service,
              'deployctl.color': color,
              'deployctl.release': own,
              'deployctl.digest': digest,
            });
            expect(one.policy, where).toBe('unless-stopped');
            expect(one.name, where).toBe(`${service}-${color}`);
            expect(
              one.ports['3000/tcp']?.map(({ HostPort }) => Number(HostPort)),
              where,
            ).toEqual([PORTS[service][color]]);
            expect(one.tags, where).toContain(`shop/${service}:deployctl-${own}`);
          }
          const down = slot.filter((one) => one.status !== 'running');
          expect(
            down.map((one) => [one.status, one.policy]),
            where,
          ).toEqual(down.map(() => ['exited', 'no']));
          expect(down, where).toHaveLength(expected.kept[service][color]);
        }
      }
      const slots = SERVICES.flatMap((service) => COLORS.flatMap((color) => inSlot(all, service, color)));
      expect(all.length, `containers outside of all slots: ${JSON.stringify(all)}`).toBe(slots.length);
    }
  };

  const goes = async (args: readonly string[]): Promise<void> => {
    expectClean(await shop.underLoad(() => shop.run(0, args)));
  };
  const running = (all: readonly Found[]): readonly string[] =>
    all.flatMap(({ status, id }) => (status === 'running' ? [id] : []));

  // From what a person had started: it is the first to be kept, and the first to go.
  it.each([
    ['1.1.0', kept(1, 0)],
    ['2.0.0', kept(2, 0)],
    ['1.0.0', kept(2, 0)],
  ])('rolling to %s', async (version, then) => {
    await goes(rolloutTo(version, 'rolling'));
    await compare({ kept: then });
  });

  it('blue-green', async () => {
    await goes(rolloutTo('1.1.0', 'blue-green'));
    await compare({ kept: kept(2, 0), warm: 'blue' });
  });

  it('back by weights', async () => {
    await goes(['rollback', '--yes']);
    await compare({ kept: kept(2, 0), warm: 'green' });
  });

  it('blue-green after a rollback', async () => {
    await goes(rolloutTo('2.0.0', 'blue-green'));
    await compare({ kept: kept(2, 1), warm: 'blue' });
  });

  // What served before is in green itself from now on: blue is set aside.
  it.each(['1.1.0', '1.0.0', '2.0.0'])('rolling to %s on the other color', async (version) => {
    await goes(rolloutTo(version, 'rolling'));
    await compare({ kept: kept(2, 2) });
  });

  const before = new Map<string, readonly Found[]>();
  it('what is kept outlives a prune of images', async () => {
    for (const instance of instances) {
      await shop.aws.shell(instance, 'docker image prune -f');
      before.set(instance, await look(instance));
      // Each image of what is kept is still there, under the tag of its release; of what a person had started, under any.
      for (const { name, labels, tags } of before.get(instance) ?? [])
        expect(tags.join(' '), name).toMatch(labels?.['deployctl.release'] ?? /./);
    }
  });

  it('a rollback without a registry starts the very containers that were kept', async () => {
    await shop.fault('registry-down');
    await goes(['rollback', '--yes']);
    await shop.clearFaults();
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
    await compare({ kept: kept(2, 2) });
    for (const instance of instances) {
      const known = (before.get(instance) ?? []).filter(({ status }) => status === 'exited').map(({ id }) => id);
      expect(known).toEqual(expect.arrayContaining([...running(await look(instance))]));
    }
  });

  it('after a reboot every service is back, what is kept stays down, and requests are answered there', async () => {
    const [struck = ''] = instances;
    const earlier = failed(await shop.accessLog()).length;
    const was = running(await look(struck));
    const load = shop.load();
    await shop.fault('instance-reboot', '--instance', struck);
    await vi.waitFor(() => shop.serves({ backend: '1.0.0', frontend: '1.0.0' }), { timeout: 40_000, interval: 500 });
    await load.stop();
    // Only what was sent to the instance while it had no power.
    const lost = failed(await shop.accessLog()).slice(earlier);
    expect(lost.filter(({ target }) => target?.startsWith(`${struck}:`) !== true)).toEqual([]);
    expect([...running(await look(struck))].sort()).toEqual([...was].sort());
    await compare({ kept: kept(2, 2) });

    const since = (await shop.accessLog()).length;
    await goes(['status']);
    const answered = (await shop.accessLog()).slice(since).filter(({ target }) => target?.startsWith(`${struck}:`));
    expect(answered.length).toBeGreaterThan(20);
  });
});
