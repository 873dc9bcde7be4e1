import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.js';
import type { Drain, Layout } from '../../src/domain/settings.js';
import {
  blueGreenHow,
  instanceOf,
  planOf,
  ports,
  rollingHow,
  servicePlan,
  START,
  timing,
  twoSets,
} from '../_helpers/plan.js';
import { drive } from './drive.js';
import type { End } from './drive.js';
import { dice, World } from './world.js';
import type { Fate } from './world.js';

interface Scenario {
  readonly seed: number;
  readonly strategy: 'rolling' | 'blue-green';
  readonly layout: 'ports' | 'two sets';
  readonly size: number;
  readonly services: number;
  readonly unchanged: boolean;
  readonly parallel: number;
  /** Configured `minimum-healthy`; 0: the default. */
  readonly minimumHealthy: number;
  /** The old container of this instance is dead from the beginning; -1: none. */
  readonly sick: number;
  readonly fate: Fate;
  readonly predecessor: 'none' | 'kept' | 'registered';
  readonly adopted: boolean;
  readonly joins: boolean;
  readonly loses: boolean;
  readonly loss: number;
  readonly flaky: number;
  readonly drain: Drain;
  readonly deaths: readonly number[];
  readonly abortAfter: number | undefined;
}

const scenarios = fc.record<Scenario>({
  seed: fc.nat(1_000_000),
  strategy: fc.constantFrom('rolling', 'blue-green'),
  layout: fc.constantFrom('ports', 'ports', 'two sets'),
  size: fc.integer({ min: 1, max: 6 }),
  services: fc.integer({ min: 1, max: 2 }),
  unchanged: fc.boolean(),
  parallel: fc.integer({ min: 1, max: 3 }),
  minimumHealthy: fc.constantFrom(0, 0, 1, 2),
  sick: fc.constantFrom(-1, -1, -1, 0, 1),
  fate: fc.constantFrom<Fate>(
    'good',
    'good',
    'good',
    'never-healthy',
    'unhealthy-behind-balancer',
    'exits-later',
    'restarts-later',
    'one-instance-bad',
    'gate-fails',
  ),
  predecessor: fc.constantFrom('none', 'kept', 'registered'),
  adopted: fc.boolean(),
  joins: fc.oneof({ arbitrary: fc.constant(false), weight: 3 }, fc.constant(true)),
  loses: fc.oneof({ arbitrary: fc.constant(false), weight: 3 }, fc.constant(true)),
  loss: fc.constantFrom(0, 0, 0, 0.05, 0.2),
  flaky: fc.constantFrom(0, 0, 0.05),
  drain: fc.constantFrom('full', 'quiet'),
  deaths: fc.oneof(fc.constant([]), fc.array(fc.nat(30), { minLength: 1, maxLength: 3 })),
  abortAfter: fc.oneof({ arbitrary: fc.constant(undefined), weight: 3 }, fc.integer({ min: 1, max: 600 })),
});

function planFor(scenario: Scenario): Plan {
  const adopted = (name: string): { from: ReturnType<typeof servicePlan>['from'] } | object => {
    if (!scenario.adopted) return {};
    const { from } = servicePlan(name);
    return { from: { ...from, release: `adopted-${'2'.repeat(12)}` } };
  };
  const backend = servicePlan('backend', adopted('backend'));
  const frontend = servicePlan('frontend', adopted('frontend'));
  const second = scenario.unchanged ? { ...frontend, to: frontend.from } : frontend;
  const layout: Layout = scenario.layout === 'ports' ? ports : twoSets;
  const how =
    scenario.strategy === 'rolling'
      ? {
          ...rollingHow,
          maxParallel: { is: 'count', value: scenario.parallel } as const,
          ...(scenario.minimumHealthy === 0 || scenario.size <= scenario.minimumHealthy
            ? {}
            : { minimumHealthy: { is: 'count', value: scenario.minimumHealthy } as const }),
          allowDowntime: scenario.size === 1,
        }
      : blueGreenHow;
  const services = scenario.services === 1 ? [backend] : [backend, second];
  const commands = [{ name: 'smoke', command: ['./smoke'], timeout: 1000 }];
  return planOf(how, {
    services,
    layout,
    drain: scenario.drain,
    gates: { probes: [], commands, inconclusive: 'pass' },
  });
}

function worldFor(scenario: Scenario, plan: Plan): World {
  const colors = scenario.layout === 'ports' ? [undefined] : (['blue', 'green'] as const);
  let count = 0;
  const fleet = colors.flatMap((color) => Array.from({ length: scenario.size }, () => instanceOf((count += 1), color)));
  const world = new World({ ...scenario, plan, fleet });
  if (scenario.predecessor !== 'none') world.placePredecessor(scenario.predecessor === 'registered');
  const [first] = plan.services;
  if (first !== undefined && scenario.sick >= 0 && scenario.size > 2) world.sicken(first, scenario.sick);
  const { between } = dice(scenario.seed + 1);
  if (scenario.joins)
    world.after(between(1, 500) * 1000, () => {
      world.join(instanceOf(99, scenario.layout === 'ports' ? undefined : between(0, 1) === 0 ? 'blue' : 'green'));
    });
  if (scenario.loses && scenario.size > 2)
    world.after(between(1, 500) * 1000, () => {
      world.lose(between(0, 20));
    });
  return world;
}

async function run(scenario: Scenario): Promise<{ readonly world: World; readonly end: End; readonly plan: Plan }> {
  const plan = planFor(scenario);
  const world = worldFor(scenario, plan);
  const abort = scenario.abortAfter === undefined ? {} : { abortAt: START + scenario.abortAfter * 1000 };
  const end = await drive(world, plan, { deaths: scenario.deaths, ...abort });
  return { world, end, plan };
}

/** What must be true however the world behaves; a list of what is not. */
function broken(scenario: Scenario, { world, end, plan }: Awaited<ReturnType<typeof run>>): readonly string[] {
  const wrong = [...world.violations];
  const calm = !scenario.loses && scenario.loss === 0;
  if (end.outcome === 'endless') wrong.push(end.reason);
  for (const reason of end.aborts) if (reason.includes('deadline')) wrong.push(`it waited for the deadline`);
  // An instance that was ill before and was touched is as ill afterwards, and that is said.
  const stillIll = scenario.sick >= 0 && end.reason.includes('calls it unhealthy');
  if (calm && (end.outcome === 'held' || (end.outcome === 'failed' && !stillIll)))
    wrong.push(`ended as ${end.outcome}: ${end.reason}`);
  if (calm && scenario.fate === 'good' && scenario.abortAfter === undefined && end.outcome !== 'succeeded')
    wrong.push(`a good release ended as ${end.outcome}: ${end.reason}; ${end.aborts.join('; ')}`);
  if (
    scenario.fate !== 'good' &&
    scenario.fate !== 'exits-later' &&
    scenario.fate !== 'restarts-later' &&
    end.outcome === 'succeeded' &&
    !scenario.loses
  )
    wrong.push('a bad release succeeded');
  for (const service of plan.services) {
    const changed = service.from.release !== service.to.release;
    const serving = world.serving(service);
    const wanted = end.outcome === 'succeeded' ? service.to.release : service.from.release;
    if (end.outcome !== 'succeeded' && end.outcome !== 'rolled-back') continue;
    if (serving.some((release) => release !== wanted && !(release === '?' && scenario.fate === 'exits-later')))
      wrong.push(`${service.service}: serving ${serving.join(', ')}, wanted ${wanted} (${end.outcome})`);
    if (serving.length === 0) wrong.push(`${service.service}: nothing serves`);
    if (
      end.outcome === 'rolled-back' &&
      changed &&
      world.running(service, service.to.release).length > 0 &&
      scenario.loss === 0
    )
      wrong.push(
        `${service.service}: the failed release still runs: ${world.running(service, service.to.release).join(', ')}`,
      );
  }
  return wrong;
}

const describeRun = (scenario: Scenario, { world, end }: Awaited<ReturnType<typeof run>>): string =>
  `${JSON.stringify(scenario)}\n${end.outcome}: ${end.reason}\n${world.log.join('\n')}`;

describe('whatever the world does', () => {
  it('the promises hold, and every rollout ends', { timeout: 180_000 }, async () => {
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const result = await run(scenario);
        const key = `${result.end.outcome}`;
        outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
        const wrong = broken(scenario, result);
        expect(wrong, wrong.length === 0 ? '' : describeRun(scenario, result)).toEqual([]);
      }),
      {
        numRuns: Number(process.env['PROMISE_RUNS'] ?? 300),
        ...(process.env['PROMISE_SEED'] === undefined ? {} : { seed: Number(process.env['PROMISE_SEED']) }),
      },
    );
    // Not vacuous: both ends are common.
    expect(outcomes.get('succeeded') ?? 0).toBeGreaterThan(20);
    expect(outcomes.get('rolled-back') ?? 0).toBeGreaterThan(20);
  });

  it('running again changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (random) => {
        const scenario: Scenario = {
          ...random,
          fate: 'good',
          abortAfter: undefined,
          loses: false,
          loss: 0,
          flaky: 0,
          joins: false,
        };
        const { world, end, plan } = await run(scenario);
        expect(end.outcome).toBe('succeeded');
        const services = plan.services.map((service) => {
          const moved = plan.how.is === 'blue-green' && service.from.release !== service.to.release;
          return { ...service, from: service.to, live: moved ? ('green' as const) : service.live };
        });
        const before = [world.changes, world.log.length];
        const again = {
          ...plan,
          services,
          generation: plan.generation + 9,
          deadline: world.now + timing.rolloutDeadline,
        };
        world.plan = again;
        const second = await drive(world, again);
        expect(second.outcome).toBe('succeeded');
        expect([world.changes, world.log.length], world.log.join('\n')).toEqual(before);
      }),
      { numRuns: 40 },
    );
  });
});
