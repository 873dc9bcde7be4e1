import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../src/domain/host.js';
import type { FleetInstance } from '../../src/domain/observation.js';
import type { Evidence } from '../../src/operations/doctor/evidence.js';
import { hostChecks } from '../../src/operations/doctor/fleet.js';
import { identityChecks } from '../../src/operations/doctor/identity.js';
import { Reads } from '../../src/operations/doctor/check.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { planOf, rollingHow, START } from '../_helpers/plan.js';

const instance: FleetInstance = {
  id: 'i-0123456789abcdef0',
  name: 'shop-1',
  zone: 'eu-west-1a',
  address: '10.0.0.1',
  agent: 'online',
};
const GB = 1024 ** 3;
const sound: HostFacts = {
  dockerVersion: '28.2.2',
  diskFreeBytes: 20 * GB,
  memoryAvailableBytes: 4 * GB,
  memoryTotalBytes: 8 * GB,
  curl: true,
  flock: true,
  aws: true,
  memory: {},
};

/** What the doctor saw of one instance. */
function evidence(facts: HostFacts | undefined, silent?: string): Pick<Evidence, 'seen' | 'model'> {
  return {
    seen: {
      fleet: [instance],
      facts: new Map(facts === undefined ? [] : [[instance.id, facts]]),
      silent: new Map(silent === undefined ? [] : [[instance.id, silent]]),
      containers: new Map(),
      routes: new Map(),
      targets: new Map(),
    },
    model: { plan: planOf(rollingHow) },
  };
}

describe('hostChecks', () => {
  it('says what a sound instance has', () => {
    expect(hostChecks(evidence(sound))).toEqual([
      {
        level: 'ok',
        text: expect.stringMatching(/^shop-1 .*Docker 28\.2\.2, curl, flock, 20480 MB of disk/) as string,
      },
    ]);
  });
  it.each([
    [{ curl: false }, /shop-1 .*: it has no curl/],
    [{ flock: false }, /shop-1 .*: it has no flock/],
    [{ diskFreeBytes: 100 * 1024 ** 2 }, /shop-1 .*: 100 MB of disk are free for images, 1024 MB are wanted/],
    [{ dockerVersion: '19.03.15' }, /shop-1 .*: Docker 19\.03\.15; 20\.10 or newer is wanted/],
    [{ dockerVersion: '1.13.1' }, /Docker 1\.13\.1; 20\.10/],
  ] as const)('%j is found, with its fix', (change, text) => {
    const [check, ...more] = hostChecks(evidence({ ...sound, ...change }));
    expect(check).toMatchObject({
      level: 'fail',
      text: expect.stringMatching(text) as string,
      fix: expect.any(String) as string,
    });
    expect(more).toEqual([]);
  });
  it.each(['20.10.24', '24.0.7', '28.2.2'])('Docker %s is new enough', (dockerVersion) => {
    expect(hostChecks(evidence({ ...sound, dockerVersion }))).toMatchObject([{ level: 'ok' }]);
  });
  it('warns where containers end with their engine, and tells more where they also stay down', () => {
    const level = 'warn';
    const fix = expect.stringMatching(/"live-restore": true.*daemon\.json.*systemctl reload docker/) as string;
    const without = { ...sound, liveRestore: false };
    expect(hostChecks(evidence(without))).toEqual([
      { level, fix, text: expect.stringMatching(/^shop-1 .*without live-restore: .*restarted or upgraded$/) as string },
    ]);
    expect(hostChecks(evidence({ ...without, dockerVersion: '20.10.24' }))).toEqual([
      {
        level,
        fix,
        text: expect.stringMatching(/upgraded, and after a crash this version leaves them down$/) as string,
      },
    ]);
    expect(hostChecks(evidence({ ...sound, liveRestore: true }))).toMatchObject([{ level: 'ok' }]);
  });
  it('skips an instance that was not looked at, and says why', () => {
    expect(hostChecks(evidence(undefined, 'docker does not answer'))).toEqual([
      { level: 'skip', text: expect.stringMatching(/shop-1 .*docker does not answer/) as string },
    ]);
  });
});

describe('identityChecks', () => {
  const minute = 60_000;
  const now = START;
  const first = async (end: number | undefined, estimate?: number): Promise<unknown> => {
    const box = {
      clock: new ManualClock(now),
      identity: { credentialsEnd: () => Promise.resolve(end) },
      signal: new AbortController().signal,
    };
    const model = { plan: planOf(rollingHow), ...(estimate === undefined ? {} : { estimate }) };
    return (await identityChecks(box, { reads: new Reads(), model }))[0];
  };
  it.each([
    [undefined, 10 * minute, 'ok'],
    [now + 60 * minute, 10 * minute, 'ok'],
    [now + 15 * minute, 10 * minute, 'warn'],
    [now + 5 * minute, 10 * minute, 'fail'],
    [now - 1, 10 * minute, 'fail'],
    [now + 60 * minute, undefined, 'warn'],
  ])('credentials that end at %s, a rollout of %s ms: %s', async (end, estimate, level) => {
    expect(await first(end, estimate)).toMatchObject({ level });
  });
});
