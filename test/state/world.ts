import type { Instant, Ms } from '../../src/domain/ids.js';
import type { Actor, OutcomeRecord, RolloutRecord } from '../../src/domain/record.js';
import type { Release, RunSpec } from '../../src/domain/release.js';
import type { Clock } from '../../src/engine/ports.js';
import { createState } from '../../src/state/index.js';
import type { AcquireOptions, State } from '../../src/state/index.js';
import { ManualClock, seededRandom } from '../_helpers/manual-clock.js';
import { MemoryParameters } from '../_helpers/memory-parameters.js';
import type { ClientOptions } from '../_helpers/memory-parameters.js';

export const TTL: Ms = 30_000;
export const HEARTBEAT: Ms = 10_000;
export const BASE = '/deployctl/shop/production';

export interface World {
  readonly clock: ManualClock;
  readonly store: MemoryParameters;
  /** Someone with a connection of its own; `skew` sets its wall clock ahead. */
  person(name: string, options?: ClientOptions & { readonly skew?: Ms; readonly environment?: string }): Person;
}

export interface Person {
  readonly state: State;
  readonly actor: Actor;
  take(overrides?: Partial<AcquireOptions>): AcquireOptions;
}

let seed = 1;

export function world(clock = new ManualClock()): World {
  const store = new MemoryParameters();
  return {
    clock,
    store,
    person: (name, options = {}) => {
      const skewed: Clock = {
        now: (): Instant => clock.now() + (options.skew ?? 0),
        monotonic: () => clock.monotonic(),
        sleep: (duration, signal) => clock.sleep(duration, signal),
      };
      const state = createState({
        parameters: store.client(name, { clock, ...options }),
        clock: skewed,
        random: seededRandom((seed += 1)),
        app: 'shop',
        environment: options.environment ?? 'production',
      });
      const actor: Actor = { name, host: `${name}-host`, bootId: 'b1', pid: 42, processStart: '100' };
      return {
        state,
        actor,
        take: (overrides = {}) => ({
          actor,
          command: 'rollout backend=1.1.0',
          ttl: TTL,
          heartbeat: HEARTBEAT,
          isAlive: () => undefined,
          ...overrides,
        }),
      };
    },
  };
}

export function record(overrides: Partial<RolloutRecord> = {}): RolloutRecord {
  return {
    schema: 1,
    id: 'ro-20261124-120000-0001',
    kind: 'rollout',
    generation: 1,
    by: 'anna',
    startedAt: Date.UTC(2026, 10, 24, 12),
    deadline: Date.UTC(2026, 10, 24, 13),
    from: 'r-1',
    to: 'r-2',
    how: { is: 'rolling', maxParallel: { is: 'count', value: 1 }, allowDowntime: false },
    aim: { to: 'new', epoch: 0 },
    live: { backend: 'blue' },
    weightsBefore: {},
    stickinessBefore: {},
    excluded: [],
    phase: 'starting',
    notified: [],
    ...overrides,
  };
}

export function outcome(generation: number, overrides: Partial<OutcomeRecord> = {}): OutcomeRecord {
  return {
    schema: 1,
    generation,
    rollout: `ro-${generation}`,
    kind: 'rollout',
    strategy: 'rolling',
    from: `r-${generation}`,
    to: `r-${generation + 1}`,
    serving: `r-${generation + 1}`,
    outcome: 'succeeded',
    reason: 'all instances serve it',
    by: 'anna',
    startedAt: Date.UTC(2026, 10, 24, 12),
    endedAt: Date.UTC(2026, 10, 24, 12, 5),
    images: { backend: '1.1.0' },
    excluded: [],
    ...overrides,
  };
}

export function spec(overrides: Partial<RunSpec> = {}): RunSpec {
  return {
    image: { repository: 'registry/shop/backend', tag: '1.1.0', digest: `sha256:${'a'.repeat(64)}` },
    containerPort: 8080,
    env: { MODE: 'production' },
    envFiles: ['/etc/shop/backend.env'],
    secrets: {},
    runOptions: ['--memory=512m'],
    command: [],
    stopTimeout: 10_000,
    health: { path: '/health', passes: 3, interval: 1000, timeout: 1000, startTimeout: 60_000 },
    checks: [
      {
        path: '/api/',
        method: 'GET',
        headers: {},
        status: [[200, 299]],
        samples: 10,
        maxFailures: 0,
        timeout: 2000,
      },
    ],
    rollback: 'auto',
    ...overrides,
  };
}

export function release(id: string, overrides: Partial<Release> = {}): Release {
  return {
    id,
    createdAt: Date.UTC(2026, 10, 24, 12),
    adopted: false,
    services: {
      backend: { release: id, spec: spec() },
      frontend: { release: id, spec: spec({ containerPort: 3000 }) },
    },
    ...overrides,
  };
}
