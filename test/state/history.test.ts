import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutcomeRecord } from '../../src/domain/record.js';
import { currentRelease, rollbackTarget } from '../../src/state/index.js';
import { outcomesToKeep } from '../../src/state/prune.js';
import { outcome } from './world.js';

type Step =
  | readonly ['rollout' | 'rollback', string, string]
  | readonly ['undone' | 'failed' | 'failed-rollback', string, string]
  | readonly ['retire' | 'adopted', string];

/** Outcomes, newest first, from steps in the order in which they happened. */
function story(...steps: readonly Step[]): readonly OutcomeRecord[] {
  return steps.map((step, index) => toOutcome(index + 1, step)).reverse();
}

function toOutcome(generation: number, [what, from, to = from]: Step): OutcomeRecord {
  switch (what) {
    case 'rollout':
      return outcome(generation, { from, to, serving: to });
    case 'rollback':
      return outcome(generation, { kind: 'rollback', from, to, serving: to });
    case 'undone':
      return outcome(generation, { from, to, serving: from, outcome: 'rolled-back', reason: 'errors' });
    case 'failed':
      return outcome(generation, { from, to, serving: null, outcome: 'failed', reason: 'no way back' });
    case 'failed-rollback':
      return outcome(generation, { kind: 'rollback', from, to, serving: null, outcome: 'failed' });
    case 'retire':
      return outcome(generation, { kind: 'retire', from, to: from, serving: from });
    case 'adopted':
      return outcome(generation, { kind: 'adopted', from, to: from, serving: from });
  }
}

type Row = [name: string, steps: readonly Step[], wanted: string | RegExp, candidates?: readonly string[]];

const TARGETS: readonly Row[] = [
  ['nothing was ever rolled out', [], /nothing was rolled out here yet/, []],
  ['only an adoption', [['adopted', 'a']], /no release served here before a/, []],
  ['after the first rollout: what was adopted', [['rollout', 'a', 'r1']], 'a'],
  [
    'the same with the adoption on record',
    [
      ['adopted', 'a'],
      ['rollout', 'a', 'r1'],
    ],
    'a',
  ],
  [
    'the release that served before',
    [
      ['rollout', 'a', 'r1'],
      ['rollout', 'r1', 'r2'],
    ],
    'r1',
  ],
  [
    'right after a rollback: refused',
    [
      ['rollout', 'a', 'r1'],
      ['rollout', 'r1', 'r2'],
      ['rollback', 'r2', 'r1'],
    ],
    /was a rollback already: anna went from r2 back to r1/,
    ['r2', 'a'],
  ],
  [
    'also with the idle color retired since',
    [
      ['rollout', 'a', 'r1'],
      ['rollback', 'r1', 'a'],
      ['retire', 'a'],
    ],
    /a rollback already/,
    ['r1'],
  ],
  [
    'also with late joiners brought along since',
    [
      ['rollout', 'a', 'r1'],
      ['rollback', 'r1', 'a'],
      ['rollout', 'a', 'a'],
    ],
    /a rollback already/,
    ['r1'],
  ],
  [
    'a rollout after a rollback: back to what served before it, not to the withdrawn',
    [
      ['rollout', 'r1', 'r2'],
      ['rollout', 'r2', 'r3'],
      ['rollback', 'r3', 'r2'],
      ['rollout', 'r2', 'r4'],
    ],
    'r2',
  ],
  [
    'after a rollout that was rolled back: refused',
    [
      ['rollout', 'r1', 'r2'],
      ['undone', 'r2', 'r3'],
    ],
    /^the last rollout was rolled back already: ro-2 by anna from r2 to r3 \(generation 2\): errors; to go further back, name/,
    ['r1'],
  ],
  [
    'also with the idle color retired, and late joiners brought along since',
    [
      ['rollout', 'r1', 'r2'],
      ['undone', 'r2', 'r3'],
      ['retire', 'r2'],
      ['rollout', 'r2', 'r2'],
    ],
    /rolled back already/,
    ['r1'],
  ],
  [
    'what was rolled back from is among what --to takes, where it served',
    [
      ['rollout', 'r1', 'r2'],
      ['rollout', 'r2', 'r3'],
      ['rollback', 'r3', 'r2'],
      ['undone', 'r2', 'r4'],
    ],
    /rolled back already/,
    ['r3', 'r1'],
  ],
  [
    'what the last rollout found serving, although another hand had moved there',
    [
      ['rollout', 'r1', 'r2'],
      ['rollout', 'r1', 'r3'],
    ],
    'r1',
  ],
  [
    'what it found serving, although that was rolled back from before',
    [
      ['rollout', 'r1', 'r2'],
      ['rollback', 'r2', 'r1'],
      ['rollout', 'r2', 'r3'],
    ],
    'r2',
  ],
  [
    'another hand moved, and late joiners were brought to that: no rollout is there to undo',
    [
      ['rollout', 'r1', 'r2'],
      ['rollout', 'r1', 'r1'],
    ],
    /another hand moved what serves to r1 before generation 2/,
    ['r2'],
  ],
  [
    'another hand moved, and the idle color was retired',
    [
      ['rollout', 'r1', 'r2'],
      ['retire', 'r1'],
    ],
    /another hand moved what serves to r1/,
    ['r2'],
  ],
  [
    'one that was rolled out by name again after a rollback',
    [
      ['rollout', 'r1', 'r2'],
      ['rollback', 'r2', 'r1'],
      ['rollout', 'r1', 'r2'],
      ['rollout', 'r2', 'r3'],
    ],
    'r2',
  ],
  [
    'a rollout that failed both ways: what served before it',
    [
      ['rollout', 'r1', 'r2'],
      ['failed', 'r2', 'r3'],
    ],
    'r2',
  ],
  [
    'a rollback that failed: the same target again',
    [
      ['rollout', 'r1', 'r2'],
      ['failed-rollback', 'r2', 'r1'],
    ],
    'r1',
  ],
];

describe('rollbackTarget', () => {
  it.each<Row>([...TARGETS])('%s', (...[, steps, wanted, candidates]) => {
    const target = rollbackTarget(story(...steps));
    if (typeof wanted === 'string') {
      expect(target).toEqual({ is: 'release', release: wanted });
    } else {
      expect(target).toMatchObject({ is: 'none', candidates });
      expect(target.is === 'none' && target.reason).toMatch(wanted);
    }
  });

  it('does not depend on the order of the list', () => {
    const outcomes = story(['rollout', 'r1', 'r2'], ['rollout', 'r2', 'r3'], ['retire', 'r3']);
    expect(rollbackTarget([...outcomes].reverse())).toEqual(rollbackTarget(outcomes));
  });
});

describe('currentRelease', () => {
  it('is what the highest generation says', () => {
    expect(currentRelease([])).toEqual({ is: 'none' });
    expect(currentRelease(story(['rollout', 'r1', 'r2'], ['undone', 'r2', 'r3']))).toMatchObject({
      is: 'known',
      release: 'r2',
    });
    expect(currentRelease(story(['rollout', 'r1', 'r2'], ['failed', 'r2', 'r3']))).toMatchObject({ is: 'unclear' });
  });

  it('takes the outcome of the rollout over the adoption in the same generation', () => {
    const adopted = outcome(1, { kind: 'adopted', from: 'a', to: 'a', serving: 'a' });
    const rolled = outcome(1, { from: 'a', to: 'r1', serving: 'r1' });
    expect(currentRelease([adopted, rolled])).toMatchObject({ is: 'known', release: 'r1' });
    expect(rollbackTarget([rolled, adopted])).toEqual({ is: 'release', release: 'a' });
  });
});

describe('outcomesToKeep', () => {
  it('never changes what serves nor where a rollback goes', () => {
    const kinds = fc.constantFrom('rollout', 'rollback', 'undone', 'undone', 'undone', 'failed', 'retire');
    fc.assert(
      fc.property(fc.array(fc.tuple(kinds, fc.nat(4)), { minLength: 1, maxLength: 130 }), (choices) => {
        let serving = 'r0';
        const steps = choices.map(([kind, to]): Step => {
          const from = serving;
          if (kind === 'retire') return [kind, from];
          if (kind === 'rollout' || kind === 'rollback') serving = `r${to}`;
          return [kind, from, `r${to}`] as Step;
        });
        const all = story(...steps);
        const kept = outcomesToKeep(all);
        expect(kept.length).toBeGreaterThanOrEqual(Math.min(50, all.length));
        const brief = (list: readonly OutcomeRecord[]): unknown => {
          const [target, current] = [rollbackTarget(list), currentRelease(list)];
          return [
            target.is === 'release' ? target.release : 'none',
            current.is === 'known' ? current.release : current.is,
          ];
        };
        expect(brief(kept)).toEqual(brief(all));
      }),
      { numRuns: 200 },
    );
  });
});
