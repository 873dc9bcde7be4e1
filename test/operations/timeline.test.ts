import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../src/domain/event.js';
import type { TimelineEntry } from '../../src/domain/record.js';
import { Timeline } from '../../src/operations/timeline.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { world } from '../state/world.js';

type Box = Pick<Toolbox, 'state' | 'emit'>;

/** Someone who holds the lock, with the part of a toolbox that a timeline needs. */
async function holding() {
  const w = world();
  const anna = w.person('anna');
  const lease = await w.clock.run(anna.state.acquireLease(anna.take()));
  const told: EventBody[] = [];
  const box: Box = { state: anna.state, emit: (event) => void told.push(event) };
  return { ...w, anna, lease, told, box, begin: () => new Timeline(w.clock, w.clock.now()) };
}

const phase = (text: string): EventBody => ({ type: 'phase.changed', phase: text, reason: text });
const back = (reason: string): EventBody => ({ type: 'rollback.started', reason });

describe('the timeline of a rollout', () => {
  it('holds steps with their times, and goes on where the process before has ended', async () => {
    const { anna, lease, box, begin, clock } = await holding();
    const first = begin();
    first.take(phase('pull the images'));
    await clock.advance(1500);
    first.take(back('it smells of {{ssm:smoke}}'));
    await clock.run(first.store(box, lease, 'ro-1'));
    const second = begin();
    second.take(phase('stop it'));
    await clock.run(second.store(box, lease, 'ro-1'));
    expect(await clock.run(anna.state.readTimeline('ro-1'))).toMatchObject({
      leftOut: 0,
      entries: [
        { after: 0, is: 'phase', text: 'pull the images' },
        { after: 1500, is: 'back', text: 'goes back: it smells of {{ssm:smoke}}' },
        { after: 0, is: 'phase', text: 'stop it' },
      ],
    });
    expect(await clock.run(anna.state.readTimeline('ro-2'))).toBeUndefined();
    await clock.run(lease.release());
  });

  it('fits into a parameter however long it was: the beginning and the end stay, and it says how much is missing', async () => {
    const { anna, lease, box, begin, clock, store } = await holding();
    const timeline = begin();
    for (let step = 1; step <= 1000; step += 1) timeline.take(phase(`step ${String(step)} ${noise(step)}`));
    await clock.run(timeline.store(box, lease, 'ro-1'));
    const value = [...store.snapshot()].find(([name]) => name.includes('/timelines/'))?.[1] ?? '';
    expect(Buffer.byteLength(value)).toBeLessThanOrEqual(4096);
    const read = await clock.run(anna.state.readTimeline('ro-1'));
    const entries: readonly TimelineEntry[] = read?.entries ?? [];
    expect(entries[0]?.text).toMatch(/^step 1 /);
    expect(entries.at(-1)?.text).toMatch(/^step 1000 /);
    expect(entries.length).toBeGreaterThan(10);
    expect(entries.length + (read?.leftOut ?? 0)).toBe(1000);
    await clock.run(lease.release());
  });

  it('is never in the way: a store that refuses, or never answers, costs a warning and three seconds', async () => {
    const { lease, box, begin, clock, told } = await holding();
    const broken = {
      ...box,
      state: { ...box.state, writeTimeline: () => Promise.reject(new Error('access denied')) },
    };
    await clock.run(begin().store(broken, lease, 'ro-1'));
    const hanging: Box = {
      ...box,
      state: {
        ...box.state,
        readTimeline: (_id, signal) =>
          new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => {
              reject(new Error('aborted'));
            });
          }),
      },
    };
    const began = clock.monotonic();
    await clock.run(begin().store(hanging, lease, 'ro-1'));
    expect(clock.monotonic() - began).toBe(3000);
    expect(told).toMatchObject([
      { type: 'note', level: 'warning', text: expect.stringContaining('access denied') as string },
      { type: 'note', level: 'warning', text: expect.stringContaining('did not answer in time') as string },
    ]);
    await clock.run(lease.release());
  });
});

/** Text that does not compress. */
function noise(seed: number): string {
  let value = seed;
  return Array.from({ length: 30 }, () => {
    value = (value * 1103515245 + 12345) % 2147483648;
    return value.toString(36);
  }).join('');
}
