import { isDeepStrictEqual } from 'node:util';
import { PortError } from '../../src/domain/errors.js';
import type { Action } from '../../src/domain/decision.js';
import { isLook } from '../../src/domain/decision.js';
import type { Instant, Ms } from '../../src/domain/ids.js';
import type { Observation } from '../../src/domain/observation.js';
import type { Plan } from '../../src/domain/plan.js';
import { redirect } from '../../src/domain/plan.js';
import { act } from '../../src/engine/act.js';
import { HostBook } from '../../src/engine/book.js';
import { Observer } from '../../src/engine/observer.js';
import { scopeOf } from '../../src/engine/scope.js';
import { decideNext } from '../../src/strategies/index.js';
import type { World } from './world.js';

export interface End {
  readonly outcome: 'succeeded' | 'rolled-back' | 'failed' | 'held' | 'endless';
  readonly reason: string;
  readonly plan: Plan;
  readonly ticks: number;
  readonly aborts: readonly string[];
}

interface Process {
  readonly book: HostBook;
  readonly observer: Observer;
}

/** What a process that lives remembers. */
function born(world: World, plan: Plan, fence: () => readonly [number, number, number]): Process {
  const book = new HostBook({
    hosts: world.hosts,
    clock: world.clock,
    emit: () => undefined,
    nameOf: (id) => id,
    nextFence: fence,
  });
  const { fleet, traffic, clock } = world;
  return {
    book,
    observer: new Observer({ fleet, traffic, clock, book, steering: () => Promise.resolve([]) }, scopeOf(plan)),
  };
}

/**
 * Observe, decide, act, until the decision is an end. Everything that a process holds in memory is dropped before each action whose number is in
 * `deaths`; what it stored (the aim and the deadline) stays.
 */
export async function drive(
  world: World,
  start: Plan,
  options: { readonly deaths?: readonly number[]; readonly abortAt?: Instant; readonly mostTicks?: number } = {},
): Promise<End> {
  let plan = start;
  let send = 0;
  let sent = 0;
  const aborts: string[] = [];
  const fence = (): readonly [number, number, number] => [plan.generation, plan.aim.epoch, send++];
  let { book, observer } = born(world, plan, fence);
  let heldSince: Instant | undefined;
  const mostTicks = options.mostTicks ?? 4000;
  const pause = (until: Instant): Ms => Math.max(Math.min(until - world.now, plan.timing.poll), 250);
  const steerBack = (reason: string): void => {
    aborts.push(reason);
    world.log.push(`abort: ${reason}`);
    plan = { ...redirect(plan, reason), deadline: world.now + plan.timing.rolloutDeadline };
    world.plan = plan;
    book.forgetFailures();
    observer.turn();
  };
  const perform = async (action: Action): Promise<boolean> => {
    if (options.deaths?.includes(sent++) === true) {
      world.log.push('the process dies');
      plan = { ...plan, generation: plan.generation + 1 };
      world.plan = plan;
      ({ book, observer } = born(world, plan, fence));
      return false;
    }
    try {
      const deps = { traffic: world.traffic, book, observer, mayWrite: () => true };
      const turn = { seen: observer.snapshot(), decidedAt: world.now, requests: new Map() };
      await act(deps, plan, action, turn);
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      world.advance(plan.timing.poll);
    }
    return true;
  };
  for (let ticks = 0; ticks < mostTicks; ticks += 1) {
    if (options.abortAt !== undefined && world.now >= options.abortAt && plan.aim.to === 'new')
      steerBack('someone asked to abort');
    const seen: Observation = {
      ...(await observer.observe()),
      commands: samples(world, plan, observer.snapshot().bake),
    };
    const decision = decideNext(plan, seen, world.now);
    observer.decided(decision);
    if (!isDeepStrictEqual(decision, decideNext(plan, seen, world.now))) world.violations.push('two decisions differ');
    // One failed read makes a wait of a hold; only what is done about it ends one.
    if (decision.is === 'act') heldSince = undefined;
    switch (decision.is) {
      case 'act': {
        observer.setBake(decision.bake, !decision.actions.every(isLook));
        const order = [...decision.actions].sort((a, b) => Number(b.is === 'weights') - Number(a.is === 'weights'));
        for (const action of order) if (!(await perform(action))) break;
        if (!decision.actions.some(({ is }) => is === 'register' || is === 'deregister')) world.advance(250);
        continue;
      }
      case 'wait':
        observer.setBake(decision.bake);
        world.advance(pause(decision.recheckAt));
        continue;
      case 'abort':
        steerBack(decision.reason);
        continue;
      case 'hold':
        heldSince ??= world.now;
        if (world.now >= heldSince + plan.timing.hold)
          return { outcome: 'held', reason: decision.reason, plan, ticks, aborts };
        world.advance(plan.timing.poll);
        continue;
      case 'done':
        return { outcome: decision.outcome, reason: decision.reason, plan, ticks, aborts };
    }
  }
  return { outcome: 'endless', reason: `no end after ${String(mostTicks)} ticks`, plan, ticks: mostTicks, aborts };
}

function samples(world: World, plan: Plan, bake: Observation['bake']): Observation['commands'] {
  if (bake === undefined || world.now - bake.since < 8000) return [];
  return plan.gates.commands.map(({ name }) => ({ gate: name, passed: world.gatePasses, why: 'exit 1' }));
}
