import { expect, it } from 'vitest';
import { decode } from '../../src/state/codec.js';
import { rolloutSchema } from '../../src/state/schemas.js';
import { record } from './world.js';

/** As a deployctl of 2026-11-24 stored it. */
const stored = {
  schema: 1,
  id: 'ro-20261124-120000-0001',
  kind: 'rollout',
  generation: 1,
  by: 'anna',
  startedAt: Date.UTC(2026, 10, 24, 12),
  deadline: Date.UTC(2026, 10, 24, 13),
  from: 'r-1',
  to: 'r-2',
  how: {
    is: 'rolling',
    maxParallel: { is: 'count', value: 1 },
    floor: { is: 'percent', value: 75 },
    allowDowntime: false,
  },
  aim: { to: 'new', epoch: 0 },
  live: { backend: 'blue' },
  weightsBefore: {},
  stickinessBefore: {},
  excluded: [],
  phase: 'starting',
  notified: [],
};

it('a record of an earlier deployctl is read with the names of today', () => {
  const { how } = decode('a record', JSON.stringify(stored), rolloutSchema);
  expect(how).toEqual({
    is: 'rolling',
    maxParallel: { is: 'count', value: 1 },
    minimumHealthy: { is: 'percent', value: 75 },
    allowDowntime: false,
  });
});

it.each([
  record(),
  record({ how: { is: 'blue-green', steps: [10, 100], stickySeconds: 20 } }),
  record({ how: { is: 'retire' } }),
])('a record of today is read as it was stored: $how.is', (today) => {
  expect(decode('a record', JSON.stringify(today), rolloutSchema)).toEqual(today);
});
