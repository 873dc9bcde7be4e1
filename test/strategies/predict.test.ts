import { describe, expect, it } from 'vitest';
import { predict } from '../../src/strategies/predict.js';
import { Scene } from '../_helpers/observation.js';
import { blueGreenHow, planOf, rollingHow } from '../_helpers/plan.js';

const durations = { drain: new Map(), firstCheck: new Map(), pull: 20_000, start: 5000, hostCommand: 1500 };

describe('a forecast', () => {
  it.each([rollingHow, blueGreenHow])('$is: ends with success where all goes well', (how) => {
    const scene = new Scene(planOf(how), 3);
    const { end } = predict(scene.plan, scene.seen(), scene.now, durations);
    expect(end).toMatchObject({ is: 'done', outcome: 'succeeded' });
  });

  // It was looked at 20,000 times, each time as if it had fallen silent at that moment.
  it.each([rollingHow, blueGreenHow])('$is: comes to an end where an instance is silent', (how) => {
    const scene = new Scene(planOf(how), 3);
    scene.blind(scene.id(2));
    const { end } = predict(scene.plan, scene.seen(), scene.now, durations);
    expect(end).toMatchObject({ is: 'abort' });
  });
});
