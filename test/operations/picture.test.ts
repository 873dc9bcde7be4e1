import { describe, expect, it } from 'vitest';
import type { EventBody, View } from '../../src/domain/event.js';
import type { Picture } from '../../src/domain/record.js';
import { PictureTaker } from '../../src/operations/picture.js';
import { line, view } from '../reporters/_story.js';
import { world } from '../state/world.js';

const shows = (more: Partial<View>): EventBody => ({ type: 'view', view: view(more) });
const share = (green: number): View['services'] => [
  { service: 'backend', from: '1', to: '2', live: 'blue', weights: { blue: 100 - green, green } },
];
const sampled = (latency: number, why?: string): EventBody => ({
  type: 'probe.sampled',
  probe: 'home',
  latency,
  ...(why === undefined ? {} : { why }),
});

describe('the picture of a rollout', () => {
  it('keeps where something changed, and not each look', () => {
    const taker = new PictureTaker();
    taker.take(shows({ services: share(0), instances: [line(1, 'empty')] }), 100);
    taker.take(shows({ services: share(0), instances: [line(1, 'empty')] }), 200);
    taker.take(shows({ services: share(10), instances: [line(1, 'serving')] }), 300);
    expect(taker.picture()).toEqual({
      weights: [
        { after: 100, service: 'backend', percents: { blue: 100, green: 0 } },
        { after: 300, service: 'backend', percents: { blue: 90, green: 10 } },
      ],
      lanes: [
        {
          instance: 'i-0abc000000000001',
          name: 'shop-1',
          service: 'backend',
          color: 'blue',
          places: [
            [100, 'empty'],
            [300, 'serving'],
          ],
        },
      ],
      probes: [],
    });
  });

  it('gathers samples into spans: none is lost, none is invented where no bake was on', () => {
    const taker = new PictureTaker();
    for (let n = 0; n < 1000; n += 1) taker.take(n % 10 === 0 ? sampled(9, 'answered 500') : sampled(n % 100), n * 10);
    for (let n = 0; n < 100; n += 1) taker.take(sampled(5), 90_000 + n * 10);
    const [home] = taker.picture().probes;
    const buckets = home?.buckets ?? [];
    expect(buckets.length).toBeGreaterThan(5);
    expect(buckets.length).toBeLessThanOrEqual(60);
    expect(buckets.reduce((sum, { bad }) => sum + bad, 0)).toBe(100);
    expect(buckets.reduce((sum, { good }) => sum + good, 0)).toBe(1000);
    expect(buckets.filter(({ after }) => after > 12_000 && after < 88_000)).toEqual([]);
    expect(buckets.at(-1)).toMatchObject({ bad: 0, p50: 5, p95: 5 });
  });

  it('has no latency where no answer was good', () => {
    const taker = new PictureTaker();
    taker.take(sampled(3, 'refused'), 0);
    expect(taker.picture().probes).toEqual([{ probe: 'home', buckets: [{ after: 0, good: 0, bad: 1 }] }]);
  });

  it('of a resumed rollout goes on in the same lanes', () => {
    const [first, second] = [new PictureTaker(), new PictureTaker()];
    first.take(shows({ services: share(0), instances: [line(1, 'empty')] }), 0);
    first.take(sampled(1), 10);
    second.take(shows({ services: share(10), instances: [line(1, 'serving'), line(2, 'bad')] }), 50_000);
    second.take(sampled(2), 50_010);
    const both = second.picture(first.picture());
    expect(both.weights.map(({ after }) => after)).toEqual([0, 50_000]);
    expect(both.lanes.map(({ name, places }) => [name, places.length])).toEqual([
      ['shop-1', 2],
      ['shop-2', 1],
    ]);
    expect(both.probes.map(({ buckets }) => buckets.length)).toEqual([2]);
  });
});

describe('a stored picture', () => {
  const noise = (n: number, step: number): number => Math.imul(n * 60 + step + 1, 2_654_435_761) >>> 7;
  /** A fleet of so many instances, and so many probes with curves that do not compress. */
  const large = (instances: number, probes: number): Picture => ({
    weights: [{ after: 0, service: 'backend', percents: { blue: 100, green: 0 } }],
    lanes: Array.from({ length: instances }, (_, n) => ({
      instance: `i-${(n * 7919 + 1).toString(16).padStart(17, '0')}` as const,
      name: `shop-${String(n)}`,
      service: 'backend',
      color: 'blue' as const,
      places: Array.from({ length: 6 }, (_each, step) => [noise(n, step) % 600_000, 'serving'] as const),
    })),
    probes: Array.from({ length: probes }, (_, n) => ({
      probe: `probe ${String(n)}`,
      buckets: Array.from({ length: 60 }, (_each, step) => ({
        after: step * 5003,
        good: noise(n, step) % 97,
        bad: noise(n, step) % 7,
        p50: noise(n, step) % 997,
        p95: noise(n, step) % 9973,
      })),
    })),
  });
  const stored = async (picture: Picture): Promise<Picture> => {
    const { clock, person, store } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    await clock.run(anna.state.writePicture({ schema: 1, rollout: 'ro-1', ...picture }, lease));
    const value = [...store.snapshot()].find(([name]) => name.includes('/pictures/'))?.[1] ?? '';
    expect(Buffer.byteLength(value)).toBeLessThanOrEqual(4096);
    const read = await clock.run(anna.state.readPicture('ro-1'));
    await clock.run(lease.release());
    if (read === undefined) throw new Error('it was not stored');
    return read;
  };

  it('of a usual fleet is whole', async () => {
    expect(await stored(large(10, 1))).toMatchObject(large(10, 1));
  });

  it('that is too large loses detail of its curves first, but no sample', async () => {
    const [before, after] = [large(4, 6), await stored(large(4, 6))];
    expect(after.dropped).toBeUndefined();
    expect(after.lanes).toEqual(before.lanes);
    const sum = ({ probes }: Picture): number =>
      probes.flatMap(({ buckets }) => buckets).reduce((n, { bad }) => n + bad, 0);
    expect(sum(after)).toBe(sum(before));
    expect(after.probes[0]?.buckets.length).toBeLessThan(60);
    const worst = ({ probes }: Picture): number => Math.max(...(probes[0]?.buckets ?? []).map(({ p95 }) => p95 ?? 0));
    expect(worst(after)).toBe(worst(before));
  });

  it('says what had no room at all', async () => {
    expect(await stored(large(40, 20))).toMatchObject({ dropped: ['probes'], probes: [] });
    const huge = await stored(large(500, 1));
    expect(huge).toMatchObject({ dropped: ['probes', 'instances'], lanes: [] });
    expect(huge.weights).toHaveLength(1);
  });
});
