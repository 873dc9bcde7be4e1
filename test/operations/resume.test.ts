import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../src/domain/event.js';
import type { EnvironmentSettings } from '../../src/domain/settings.js';
import type { OperationResult } from '../../src/operations/drive.js';
import { resume } from '../../src/operations/resume.js';
import { rollback } from '../../src/operations/rollback.js';
import type { RolloutRequest } from '../../src/operations/rollout.js';
import { rollout } from '../../src/operations/rollout.js';
import type { Scenario } from '../simulation/scenario.js';
import { request, Shop } from '../messages/world.js';

interface Case {
  readonly scenario?: Partial<Scenario>;
  readonly options?: RolloutRequest['options'];
  /** What deployctl.yml says when somebody goes on. */
  readonly later: (settings: EnvironmentSettings) => EnvironmentSettings;
  readonly back?: boolean;
}

/** Anna's rollout ends at its first action, and Bob, who has another deployctl.yml, goes on with it. */
async function goneOnWith({ scenario = {}, options = {}, later, back = false }: Case): Promise<{
  readonly result: OperationResult;
  readonly notes: readonly string[];
}> {
  const shop = await Shop.open(scenario);
  const anna = shop.person('anna');
  const emit = (event: EventBody): void => {
    if (event.type === 'action.sent') anna.stop();
  };
  await shop.run(() => rollout({ ...anna.box, emit }, request({ options })));
  const { box } = shop.person('bob');
  const notes: string[] = [];
  const bob = {
    ...box,
    settings: later(box.settings),
    emit: (event: EventBody): void => void (event.type === 'note' && notes.push(event.text)),
  };
  const confirm = (): Promise<boolean> => Promise.resolve(true);
  const result = await shop.run(() => (back ? rollback(bob, { force: false, confirm }) : resume(bob, {})));
  return { result, notes };
}

describe('a rollout that somebody else goes on with keeps what was asked', () => {
  it('--bake', async () => {
    const { result, notes } = await goneOnWith({ options: { bake: 500_000 }, later: (settings) => settings });
    expect(result).toMatchObject({ outcome: 'succeeded' });
    expect(result.durationSeconds).toBeGreaterThan(500);
    expect(notes).toEqual([]);
  });

  it('the gates', async () => {
    const { result, notes } = await goneOnWith({
      scenario: { fate: 'errors', extras: ['gates'] },
      later: (settings) => ({ ...settings, gates: { probes: [], commands: [], inconclusive: 'pass' } }),
    });
    expect(result).toMatchObject({ outcome: 'rolled-back' });
    expect(notes).toContain(
      'gates in deployctl.yml changed after the rollout had begun, which keeps what it began with',
    );
  });

  it('the timing, on the way back too', async () => {
    const later = (settings: EnvironmentSettings): EnvironmentSettings => ({
      ...settings,
      timing: { ...settings.timing, settle: 600_000 },
    });
    for (const back of [false, true]) {
      const { result, notes } = await goneOnWith({
        scenario: { strategy: 'blue-green', extras: ['warm'] },
        later,
        back,
      });
      expect(result).toMatchObject({ outcome: back ? 'rolled-back' : 'succeeded' });
      expect(result.durationSeconds).toBeLessThan(600);
      expect(notes.join()).toMatch(back ? /^$/ : /timing in deployctl.yml changed/);
    }
  });
});
