import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../src/domain/event.js';
import type { EnvironmentSettings } from '../../src/domain/settings.js';
import type { OperationResult } from '../../src/operations/drive.js';
import { resume } from '../../src/operations/resume.js';
import { rollout } from '../../src/operations/rollout.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { Play } from './play.js';
import { toolboxOf } from './ports.js';
import type { Scenario } from './scenario.js';
import { settingsOf } from './scenario.js';

const base = {
  strategy: 'blue-green',
  layout: 'ports',
  change: 'backend',
  fleet: 2,
  before: 'released',
  seed: 3,
} as const;
const images = new Map([['backend', { repository: 'shop/backend', tag: 'new' }]]);

/** Runs an operation in a process of its own, and tells how it ended and when each event came. */
async function does(
  play: Play,
  settings: EnvironmentSettings,
  act: (box: Toolbox) => Promise<OperationResult>,
  interrupts: (event: EventBody) => boolean = () => false,
): Promise<{ readonly result: OperationResult; readonly events: readonly (EventBody & { readonly at: number })[] }> {
  const interrupt = new AbortController();
  const box = toolboxOf(play.process(), settings);
  const events: (EventBody & { readonly at: number })[] = [];
  const emit: Toolbox['emit'] = (event) => {
    events.push({ ...event, at: play.world.timeline.now });
    box.emit(event);
    if (interrupts(event)) interrupt.abort(new Error('interrupted by SIGINT'));
  };
  let over = false;
  const work = act({ ...box, emit, signal: interrupt.signal }).finally(() => (over = true));
  work.catch(() => undefined); // awaited below
  await play.world.timeline.drive(() => over, 5_400_000);
  return { result: await work, events };
}

/** A rollout that is interrupted as soon as the new color gets traffic, and then resumed with other settings. */
async function resumedWith(scenario: Scenario, bake: number | undefined, change: Partial<EnvironmentSettings>) {
  const play = await Play.begin(scenario);
  const settings = settingsOf(scenario);
  const request = { images, options: bake === undefined ? {} : { bake }, confirm: () => Promise.resolve(true) };
  const { result } = await does(
    play,
    settings,
    (box) => rollout(box, request),
    ({ type }) => type === 'traffic.shifted',
  );
  expect(result.outcome).toBe('interrupted');
  await play.rest(5000);
  return does(play, { ...settings, ...change }, (box) => resume(box, {}));
}

/** How long the new color had its first share of the traffic before it got all of it. */
function bakedFor(events: readonly (EventBody & { readonly at: number })[]): number {
  const at = (wanted: number): number =>
    events.find((event) => event.type === 'traffic.shifted' && event.percent === wanted)?.at ?? NaN;
  return at(100) - at(10);
}

describe('a resume is the rollout that was asked for, whatever the configuration says by now', () => {
  const { timing } = settingsOf({ ...base, fate: 'good' });

  it('keeps --bake', async () => {
    const { result, events } = await resumedWith({ ...base, fate: 'good' }, 45_000, { timing: { ...timing, bake: 0 } });
    expect(result.outcome).toBe('succeeded');
    expect(bakedFor(events)).toBeGreaterThanOrEqual(45_000);
  });

  it('keeps timing.bake', async () => {
    const { result, events } = await resumedWith({ ...base, fate: 'good' }, undefined, {
      timing: { ...timing, bake: 0 },
    });
    expect(result.outcome).toBe('succeeded');
    expect(bakedFor(events)).toBeGreaterThanOrEqual(timing.bake);
  });

  it('keeps the gates', async () => {
    const { result } = await resumedWith({ ...base, fate: 'errors', extras: ['gates'] }, undefined, {
      gates: { probes: [], commands: [], inconclusive: 'pass' },
    });
    expect(result.outcome).toBe('rolled-back');
  });
});
