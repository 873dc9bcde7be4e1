import { setMaxListeners } from 'node:events';
import type { Action, Decision, Outcome } from '../domain/decision.js';
import { isLook } from '../domain/decision.js';
import { isDenied, messageOf, PortError } from '../domain/errors.js';
import type { HostRequest } from '../domain/host.js';
import type { Instant, Ms, RouteArn } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import type { GroupWeight, HostFailure, Observation } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { redirect } from '../domain/plan.js';
import type { RolloutRecord } from '../domain/record.js';
import { decideNext } from '../strategies/index.js';
import { seenAtEnd } from '../strategies/moved.js';
import { outagesOf } from '../strategies/outage.js';
import { isForward, movesTraffic } from '../strategies/steering.js';
import { leftHalfWay, viewOf } from '../strategies/view.js';
import type { LoopDeps, LoopResult } from './loop-deps.js';
import { LeaseWatch } from './lease-watch.js';
import type { Turn } from './act.js';
import { act } from './act.js';
import { describeAction } from '../strategies/describe-action.js';
import { failuresOf, withoutRights } from './failure.js';
import { Movements } from './movements.js';
import { Outages } from './outages.js';
import { FIRST_STEP, Pace } from './pace.js';
import { Doubts } from './doubts.js';
import { evidenceOf, isRefusal, OUTAGE_AGAIN, Progress } from './progress.js';
import type { StoredWait } from './waits.js';
import { shareOf } from './share.js';
import { Troubles } from './troubles.js';
import { withoutUnsent } from './unsent.js';
import { differ, isChangeDue, STORE_WAITS_EVERY, waitsOf } from './waits.js';

type Acting = Extract<Decision, { is: 'act' }>;

/**
 * Observe → decide → act, until the decision is `done`. Rollback is the same loop with another aim. Nothing is remembered that can be seen.
 * @param signal an operator's interrupt: nothing new is sent after it. A lease that is lost ends it in the same way: it is interrupted, and names what it
 * leaves half-way.
 */
export class Loop {
  readonly #deps: LoopDeps;
  #plan: Plan;
  #record: RolloutRecord;
  #failure: HostFailure | undefined;
  #heldSince: Instant | undefined;
  readonly #doubts: Doubts;
  #phase = '';
  #storedAt: Instant = 0;
  readonly #pace = new Pace();
  readonly #movements: Movements;
  readonly #steered = new Set<string>();
  readonly #troubles: Troubles;
  readonly #progress: Progress;
  readonly #outages: Outages;
  /** Since when changes wait for the lease. */
  readonly #leaseWatch: LeaseWatch;

  constructor(deps: LoopDeps, plan: Plan, record: RolloutRecord) {
    this.#deps = deps;
    this.#plan = plan;
    this.#record = record;
    this.#movements = new Movements(deps.emit);
    this.#troubles = new Troubles(deps.clock, deps.emit);
    this.#leaseWatch = new LeaseWatch(deps, this.#troubles);
    this.#progress = new Progress(plan.timing.poll);
    this.#doubts = new Doubts(plan.timing.poll);
    this.#outages = new Outages(deps.clock, deps.emit);
  }

  /** Names what stands half-way: an interrupt leaves it so. */
  #interrupted(why: unknown): LoopResult {
    const left = leftHalfWay(this.#plan, this.#deps.observer.snapshot());
    return this.#result('interrupted', [messageOf(why), ...left].join('. '));
  }

  #lost(why: unknown): LoopResult {
    return { ...this.#interrupted(why), leaseLost: true };
  }

  async run(signal: AbortSignal): Promise<LoopResult> {
    const stop = AbortSignal.any([signal, this.#deps.lease.lost]);
    setMaxListeners(0, stop);
    // A way back that is gone on with is told again: a death may have come before the alert.
    const { aim } = this.#plan;
    if (aim.to === 'old') this.#deps.emit({ type: 'rollback.started', reason: aim.because });
    for (;;) {
      if (signal.aborted) return this.#interrupted(signal.reason);
      const lost = this.#leaseWatch.loss(this.#plan);
      if (lost !== undefined) return this.#lost(lost);
      try {
        const ended = await this.#tick(stop);
        if (ended !== undefined) return ended;
      } catch (error) {
        if (signal.aborted) return this.#interrupted(signal.reason);
        const meanwhile = this.#leaseWatch.loss(this.#plan);
        if (meanwhile !== undefined) return this.#lost(meanwhile);
        throw error;
      }
    }
  }

  async #tick(stop: AbortSignal): Promise<LoopResult | undefined> {
    const { clock, observer, gates } = this.#deps;
    const began = clock.now();
    const seen: Observation = { ...(await observer.observe(stop)), ...gates.watch(observer.sampled) };
    this.#troubles.looked(this.#plan, seen, observer.unread);
    this.#leaseWatch.reportRefusal();
    await this.#steer(seen);
    const now = clock.now();
    if (this.#doubts.ofLook(began, now)) return undefined;
    this.#progress.observe(seen, now);
    this.#outages.observe(outagesOf(this.#plan, seen));
    const decision = decideNext(this.#plan, seen, now);
    observer.decided(decision);
    if (decision.is === 'act' || this.#leaseWatch.since !== undefined) this.#leaseWatch.mayChange();
    this.#show(seen, decision, now);
    // Only a change ends a hold: a read that fails in between does not start its time anew.
    if (decision.is === 'act') this.#heldSince = undefined;
    switch (decision.is) {
      case 'act':
        this.#bakeIs(decision.bake, !decision.actions.every(isLook));
        if (decision.urgent !== true && movesTraffic(this.#plan, decision.actions)) {
          const may = this.#deps.preTraffic?.() ?? { is: 'passed' };
          if (may.is === 'failed') return this.#abort(`the hook pre-traffic failed: ${may.why}`, now);
          if (may.is === 'running') {
            await this.#phaseIs('the hook pre-traffic runs', [], now);
            await clock.sleep(this.#pause(now, now), stop);
            return undefined;
          }
        }
        await this.#phaseIs(decision.reason, waitsOf(decision, seen), now);
        await this.#act(this.#worthSending(decision, seen, now), now, stop);
        return undefined;
      case 'wait':
        this.#bakeIs(decision.bake);
        await this.#phaseIs(decision.reason, waitsOf(decision, seen), now);
        await this.#rest(
          this.#pause(
            Math.min(decision.recheckAt, isChangeDue(seen) ? now + this.#plan.timing.poll / 2 : Infinity),
            now,
          ),
          stop,
        );
        return undefined;
      case 'abort':
        this.#deps.book.explain(decision.unexplained ?? []);
        return this.#abort(decision.reason, now);
      case 'hold':
        return this.#hold(decision, now, stop);
      case 'done':
        // An end is stored under the lease: what was seen would be long past by the time that this is renewed.
        if (!this.#leaseWatch.mayChange()) {
          await clock.sleep(this.#pause(now, now), stop);
          return undefined;
        }
        // The store may not answer for a while: what is said of the end is looked at after that.
        if (decision.outcome !== 'failed') await this.#save({ phase: decision.reason });
        if (this.#doubts.ofEnd(began, clock.now(), decision.outcome !== 'failed' && observer.mayBeOlder())) {
          await clock.sleep(this.#pause(now, now), stop);
          return undefined;
        }
        if (decision.outcome !== 'failed' && observer.forgive()) return void this.#progress.clear();
        return this.#result(decision.outcome, decision.reason);
    }
  }

  /** Samples are taken from the moment at which the bake begins: the next observation may take long. */
  #bakeIs(key: string | undefined, changes = false): void {
    this.#deps.observer.setBake(key, changes);
    this.#deps.gates.watch(this.#deps.observer.sampled);
  }

  /** Soon after an act the world moves; while commands run on hosts it is looked at at the pace of `timing.poll`. */
  #pause(recheckAt: Instant, now: Instant): Ms {
    return Math.max(Math.min(recheckAt - now, this.#plan.timing.poll), Math.min(250, this.#plan.timing.poll));
  }

  /**
   * Sleeps, and asks for the answers of host commands in between: soon after they were sent, then ever more seldom. Most take a second, a whole look at the
   * world costs more calls than the account has for every quarter of a second. Ends early when one has answered.
   */
  async #rest(duration: Ms, stop: AbortSignal): Promise<void> {
    const { book, clock } = this.#deps;
    let rest = duration;
    while (rest > 0 && book.busy.length > 0) {
      const step = Math.min(rest, this.#pace.next(book.busy.length));
      await clock.sleep(step, stop);
      rest -= step;
      const open = book.busy.length;
      await book.poll(stop);
      if (book.busy.length < open) return;
    }
    if (rest > 0) await clock.sleep(rest, stop);
  }

  /** Leaves out what was sent a moment ago and has had no effect yet, and gives up what never has one: the next decision takes that into account. */
  #worthSending({ actions, urgent }: Acting, seen: Observation, now: Instant): readonly Action[] {
    // An outage is not given up: the strategy goes on meanwhile, and what would end it is tried again.
    const until = urgent === true ? now + OUTAGE_AGAIN : Infinity;
    return actions.filter((action) => {
      const verdict = this.#progress.judge(action, now, urgent === true);
      if (verdict.is === 'stuck') {
        const text = describeAction(this.#plan, seen, action);
        this.#giveUp(action, `"${text}" was accepted ${String(verdict.times)} times and changed nothing`, now, until);
        if (urgent === true) this.#progress.rest(action, until);
      }
      return verdict.is === 'send';
    });
  }

  #giveUp(action: Action, why: string, now: Instant, until?: Instant): void {
    const { observer, book, emit } = this.#deps;
    if (action.is === 'weights') observer.refuse(action.route, why, until);
    else if (action.is === 'deregister' && action.foreign === true) {
      const keys = action.targets.map(({ instance, port }) => targetKey(instance, port));
      observer.keep(action.group, keys, why);
    } else for (const { spot, failure } of failuresOf(this.#plan, action, why, now)) book.refuse(spot, failure);
    emit({ type: 'note', level: 'warning', text: why });
  }

  async #act(actions: readonly Action[], decidedAt: Instant, stop: AbortSignal): Promise<void> {
    if (actions.length === 0) {
      await this.#rest(this.#pause(Infinity, decidedAt), stop);
      return;
    }
    const turn = { seen: this.#deps.observer.snapshot(), decidedAt, requests: new Map<string, HostRequest>() };
    for (const action of actions) if (action.is === 'weights') await this.#write(action, turn, stop);
    for (const action of actions) {
      // A task runs once: that it is about to is stored before it can.
      if (action.is === 'task') await this.#save({ tasks: { ...this.#record.tasks, [action.service]: 'intended' } });
    }
    const others = actions.filter((action) => action.is !== 'weights');
    // All of them end before an error is told: the lease is given up after it, and no change may land later than that.
    const ends = await Promise.allSettled(others.map((action) => this.#perform(action, turn, stop)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const tasks = withoutUnsent(others, this.#record.tasks, this.#deps.book.tasks);
    if (tasks !== undefined) await this.#save({ tasks });
    if (others.some((action) => action.is === 'register' || action.is === 'deregister')) return;
    this.#pace.restart();
    if (others.length > 0) await this.#deps.clock.sleep(Math.min(FIRST_STEP, this.#plan.timing.poll), stop);
  }

  /** A weight write: intent first, then the write with its read-back, then what came of it. So each kill point can be told apart. */
  async #write(action: Extract<Action, { is: 'weights' }>, turn: Turn, stop: AbortSignal): Promise<void> {
    const set: Readonly<Record<RouteArn, readonly GroupWeight[]>> = { [action.route]: action.set };
    await this.#save({ weightsIntended: { ...this.#record.weightsIntended, ...set } });
    const done = await this.#perform(action, turn, stop);
    if (!done) return;
    await this.#save({ weightsLast: { ...this.#record.weightsLast, ...set } });
    const share = shareOf(this.#plan, action);
    // Putting the idle group into the action at 0 moves nothing.
    if (share !== undefined && (share.percent > 0 || this.#plan.aim.to === 'old'))
      this.#deps.emit({ type: 'traffic.shifted', ...share });
  }

  /** @returns whether the call was accepted. A refused or lost one is not an error here: the next observation shows what is. */
  async #perform(action: Action, turn: Turn, stop: AbortSignal): Promise<boolean> {
    const { emit, traffic, book, observer, lease, changeLimit } = this.#deps;
    if (!this.#leaseWatch.mayChange()) {
      // Changes only within the lease. The heartbeat either renews it in a moment or declares it lost.
      await this.#deps.clock.sleep(Math.min(250, this.#plan.timing.poll), stop);
      return false;
    }
    // The intent may have waited for the store, or a write before this one for its answer: what was seen then is looked at anew.
    if (this.#doubts.isOld(turn.decidedAt, this.#deps.clock.now())) return false;
    const text = describeAction(this.#plan, turn.seen, action);
    const before = evidenceOf(action, turn.seen);
    try {
      emit({ type: 'action.sent', action, text });
      const mayWrite = (): boolean => lease.isValid(changeLimit);
      await act({ traffic, book, observer, mayWrite }, this.#plan, action, turn, stop);
      if (isDenied(book.sendError)) throw book.sendError;
      this.#progress.accepted(action, before, this.#deps.clock.now());
      return true;
    } catch (error) {
      if (!(error instanceof PortError) || error.kind === 'aborted') throw error;
      if (isDenied(error)) throw withoutRights(this.#plan, error);
      emit({ type: 'action.failed', action, text, why: messageOf(error) });
      if (isRefusal(error) && action.is === 'weights') this.#giveUp(action, error.message, this.#deps.clock.now());
      // Of targets the world may have taken some since they were read: the refusal counts like a change without an effect, and the fleet is read anew.
      else if (isRefusal(error) || error.kind === 'conflict') {
        observer.readFleetSoon();
        this.#progress.accepted(action, before, this.#deps.clock.now());
      }
      await this.#deps.clock.sleep(this.#plan.timing.poll, stop);
      return false;
    }
  }

  async #abort(reason: string, now: Instant): Promise<LoopResult | undefined> {
    this.#failure ??= this.#deps.book.firstFailure();
    const manual = this.#plan.services.find((s) => s.to.spec.rollback === 'manual' && s.from.release !== s.to.release);
    if (manual !== undefined && !this.#steered.has('abort')) {
      const why = `${reason}. ${manual.service} says rollback: manual, so nothing is rolled back by itself`;
      return this.#result('held', why);
    }
    await this.#goBack(reason, now);
    return undefined;
  }

  async #goBack(reason: string, now: Instant, askedBy?: string): Promise<void> {
    const plan = redirect(this.#plan, reason, askedBy);
    this.#plan = { ...plan, deadline: now + plan.timing.rolloutDeadline };
    this.#deps.onEpoch(plan.aim.epoch);
    this.#deps.book.forgetFailures();
    this.#deps.observer.turn();
    this.#progress.clear();
    this.#deps.emit({
      type: 'rollback.started',
      reason,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    });
    await this.#save({ aim: this.#plan.aim, deadline: this.#plan.deadline, reason });
  }

  async #hold(
    { reason, until: latest }: Extract<Decision, { is: 'hold' }>,
    now: Instant,
    stop: AbortSignal,
  ): Promise<LoopResult | undefined> {
    this.#heldSince ??= now;
    const until = Math.min(latest ?? Infinity, this.#heldSince + this.#plan.timing.hold);
    if (this.#heldSince === now) this.#deps.emit({ type: 'hold.started', reason, until });
    if (now >= until) return this.#heldLongEnough(reason);
    await this.#phaseIs(`hold: ${reason}`, [{ what: reason, until }], now);
    await this.#deps.clock.sleep(this.#plan.timing.poll, stop);
    return undefined;
  }

  /** A rollout may be gone on with; a way back that the world keeps from its end for so long has failed, and somebody must know. */
  #heldLongEnough(reason: string): LoopResult {
    const { aim, kind } = this.#plan;
    if (aim.to === 'old') return this.#result('failed', `${aim.because}; cannot go back: ${reason}`);
    return this.#result(kind === 'rollback' ? 'failed' : 'held', reason);
  }

  /** Requests from other terminals. `abort` steers back; what the others do is for the decisions to say. */
  async #steer(seen: Observation): Promise<void> {
    for (const steer of seen.steering) {
      if (this.#steered.has(steer.id)) continue;
      this.#steered.add(steer.id);
      const asked = `${steer.by} asked to ${steer.is}${steer.reason === undefined ? '' : `: ${steer.reason}`}`;
      if (this.#plan.aim.to === 'old' || (steer.is !== 'abort' && !isForward(this.#plan))) {
        const text = `${asked}. That has no effect: this is a way back`;
        this.#deps.emit({ type: 'note', level: 'warning', text });
      } else if (steer.is === 'abort') {
        this.#steered.add('abort');
        await this.#goBack(asked, this.#deps.clock.now(), steer.by);
      } else {
        this.#deps.emit({ type: 'note', level: 'info', text: asked });
      }
    }
  }

  #show(seen: Observation, decision: Decision, now: Instant): void {
    const { since } = this.#leaseWatch;
    const lease = {
      what: 'the lease is renewed; nothing is changed meanwhile',
      until: (since ?? now) + this.#deps.lease.ttl,
    };
    const waits = since !== undefined ? [lease] : 'waits' in decision ? decision.waits : [];
    const view = viewOf(this.#plan, seen, now, this.#phase, waits, decision.reason);
    this.#movements.take(view);
    this.#deps.emit({ type: 'view', view });
  }

  async #phaseIs(phase: string, waits: readonly StoredWait[], now: Instant): Promise<void> {
    // A bake's words change with every sample; the phase does not.
    const begins =
      phase !== this.#phase && (phase.split(':')[0] !== this.#phase.split(':')[0] || !phase.startsWith('bake'));
    this.#phase = phase;
    if (begins) this.#deps.emit({ type: 'phase.changed', phase, reason: phase });
    const worthStoring = now - this.#storedAt >= STORE_WAITS_EVERY && differ(this.#record.waits ?? [], waits);
    if (!begins && !worthStoring) return;
    this.#storedAt = now;
    await this.#save({ phase, waits });
  }

  async #save(change: Partial<RolloutRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change, generation: this.#plan.generation, aim: this.#plan.aim };
    await this.#deps.records.write(this.#record);
  }

  #result(outcome: Outcome, reason: string): LoopResult {
    this.#failure ??= this.#deps.book.firstFailure();
    return {
      outcome,
      reason,
      plan: this.#plan,
      record: this.#record,
      ...seenAtEnd(this.#plan, this.#deps.observer.snapshot()),
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    };
  }
}
