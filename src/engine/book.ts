import type { Fence, HostFacts, HostRequest } from '../domain/host.js';
import type { InstanceId, Instant, Ms } from '../domain/ids.js';
import type { Container, HostFailure, ObservedHost, TaskState } from '../domain/observation.js';
import { slotKey } from '../domain/observation.js';
import type { Spot } from '../domain/decision.js';
import { isDenied, messageOf, PortError } from '../domain/errors.js';
import type { EventBody } from '../domain/event.js';
import { DELIVERY_GRACE, INCONCLUSIVE, isAboutRequest, MOST_LOSSES, nameOf } from './book-rules.js';
import type { Entry } from './host-entry.js';
import { confirm, newEntry } from './host-entry.js';
import { asideOf, failureOf, serviceOf } from './failure.js';
import { UnsendableRequest } from './host-port.js';
import type { HostCommandState, HostPort, HostReply } from './host-port.js';
import type { Clock } from './ports.js';
import { Troubles } from './troubles.js';

export interface BookDeps {
  readonly hosts: HostPort;
  readonly clock: Clock;
  readonly emit: (event: EventBody) => void;
  readonly nameOf: (instance: InstanceId) => string;
  /** The next fence: each send of this process is higher than all before. undefined: a look that takes no lock. */
  readonly nextFence: () => Fence | undefined;
}

/** What this process knows of each instance's containers, and the one command that it has open there. */
export class HostBook {
  readonly tasks = new Map<string, TaskState>();
  /** An instance has seen a higher fence than ours: someone else took over, or the store has forgotten who did. */
  fencedOut: string | undefined;
  /** The highest generation that such an instance follows, where it told. */
  fencedBy: number | undefined;
  /** Why the states of the open commands could not be read the last time. */
  readError: PortError | undefined;
  /** Why the last command was not accepted, or may not have been; undefined once one is. What SSM says of a single instance is none of it. */
  sendError: PortError | undefined;
  /** Of what was bad without a known reason: the first reason that came to be known. */
  #explained: HostFailure | undefined;
  readonly #deps: BookDeps;
  readonly #entries = new Map<InstanceId, Entry>();
  readonly #troubles: Troubles;
  /** Instances that are sent the very same request get the same command, under one fence: it can go to all of them in one call. */
  readonly #together = new WeakMap<HostRequest, { readonly fence: Fence | undefined; readonly to: Set<InstanceId> }>();

  constructor(deps: BookDeps) {
    this.#deps = deps;
    this.#troubles = new Troubles(deps.clock, deps.emit);
  }

  /** Known hosts, for the strategies. An instance that was never looked at has unknown containers. */
  view(instances: readonly InstanceId[]): ReadonlyMap<InstanceId, ObservedHost> {
    return new Map(instances.map((id) => [id, this.#entry(id)]));
  }

  facts(instance: InstanceId): HostFacts | undefined {
    return this.#entries.get(instance)?.facts;
  }

  /** Takes in what a survey of this process has just read, so that it is not read twice. */
  seed(instance: InstanceId, containers: readonly Container[]): void {
    this.#entry(instance).containers = { is: 'known', value: containers, at: this.#deps.clock.now() };
  }

  isFree(instance: InstanceId): boolean {
    return this.#entry(instance).op.is !== 'running';
  }

  get busy(): readonly InstanceId[] {
    return [...this.#entries].filter(([, entry]) => entry.op.is === 'running').map(([id]) => id);
  }

  /** A new aim: what failed on the way there says nothing of the way back. */
  forgetFailures(): void {
    for (const entry of this.#entries.values()) {
      entry.failures.clear();
      entry.losses.clear();
      delete entry.pullFailure;
    }
  }

  /** A step of the slot that never has an effect: no more of it is tried in this direction. */
  refuse({ instance, service, color }: Spot, failure: HostFailure): void {
    this.#entry(instance).failures.set(slotKey(service, color), failure);
  }

  /** From now on, what is set aside there is asked what became of it. */
  explain(spots: readonly Spot[]): void {
    for (const { instance, service, color } of spots) this.#entry(instance).unexplained.add(slotKey(service, color));
  }

  isUnexplained({ instance, service, color }: Spot): boolean {
    return this.#entries.get(instance)?.unexplained.has(slotKey(service, color)) === true;
  }

  /** The first failure that is known, for alerts. */
  firstFailure(): HostFailure | undefined {
    if (this.#explained !== undefined) return this.#explained;
    const all = [...this.#entries.values()].flatMap((entry) => [
      ...entry.failures.values(),
      ...(entry.pullFailure ? [entry.pullFailure] : []),
    ]);
    return all.sort((a, b) => a.at - b.at)[0];
  }

  /**
   * Sends one command. What SSM says of the send decides whether it may run: then it is lost until an inspect has shut it out.
   * @param request the same object for all instances that get the same command in the same turn
   * @returns whether it must be sent again: the account had no room for it
   */
  async send(instance: InstanceId, request: HostRequest, timeout: Ms, signal?: AbortSignal): Promise<boolean> {
    const entry = this.#entry(instance);
    const now = this.#deps.clock.now();
    const fence = this.#fenceFor(instance, request);
    const service = serviceOf(request);
    const until = now + timeout + DELIVERY_GRACE;
    entry.op = {
      is: 'running',
      phase: request.phase,
      since: now,
      until,
      ...(service === undefined ? {} : { service }),
    };
    delete entry.command;
    if (request.phase === 'task') this.tasks.set(request.service, { is: 'running' });
    try {
      const id = await this.#deps.hosts.send(
        { instance, request, timeout, ...(fence === undefined ? {} : { fence }) },
        signal,
      );
      entry.command = { id, request, sentAt: now };
      this.sendError = undefined;
    } catch (error) {
      if (error instanceof UnsendableRequest) return this.#unsendable(instance, entry, request, error.message);
      if (!(error instanceof PortError)) throw error;
      if (error.kind !== 'invalid') this.sendError = error;
      if (!error.mayHaveTakenEffect) return this.#notSent(instance, entry, request, error);
      this.#lose(instance, entry, request, messageOf(error));
    }
    return false;
  }

  /** The fence under which others were sent this request. An instance that had it already gets a higher one: it would repeat its first answer else. */
  #fenceFor(instance: InstanceId, request: HostRequest): Fence | undefined {
    const before = this.#together.get(request);
    if (before !== undefined && !before.to.has(instance)) {
      before.to.add(instance);
      return before.fence;
    }
    const fence = this.#deps.nextFence();
    this.#together.set(request, { fence, to: new Set([instance]) });
    return fence;
  }

  get unread(): string | undefined {
    return this.readError === undefined ? undefined : messageOf(this.readError);
  }

  /** Reads the state of every open command and takes in what ended. */
  async poll(signal?: AbortSignal): Promise<void> {
    const open = [...this.#entries].flatMap(([instance, { command }]) =>
      command ? [{ id: command.id, instance }] : [],
    );
    const states = open.length === 0 ? new Map<string, HostCommandState>() : await this.#read(open, signal);
    const now = this.#deps.clock.now();
    for (const [instance, entry] of this.#entries) {
      const { command, op } = entry;
      if (op.is !== 'running') continue;
      const state = command === undefined ? undefined : states.get(command.id);
      if (command !== undefined && state?.is === 'replied')
        this.#take(instance, entry, command.request, command.sentAt, state.reply);
      else if (command !== undefined && state?.is === 'lost') this.#lose(instance, entry, command.request, state.why);
      else if (command !== undefined && now >= op.until) {
        this.#lose(
          instance,
          entry,
          command.request,
          `no result after ${String(Math.round((now - op.since) / 1000))} s`,
        );
      }
    }
  }

  async #read(
    open: readonly { readonly id: string; readonly instance: InstanceId }[],
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, HostCommandState>> {
    try {
      const states = await this.#deps.hosts.poll(open, signal);
      this.readError = undefined;
      return states;
    } catch (error) {
      if (!(error instanceof PortError) || error.kind === 'aborted') throw error;
      // Not read is not ended: the commands stay open, and their own time limits judge.
      this.readError = error;
      return new Map();
    }
  }

  #take(instance: InstanceId, entry: Entry, request: HostRequest, sentAt: Instant, reply: HostReply): void {
    const now = this.#deps.clock.now();
    if (!reply.ok && reply.code === 'fenced') {
      this.fencedOut ??= `${this.#deps.nameOf(instance)} (${instance}) follows a newer rollout: ${reply.message}`;
      const [generation] = reply.fence?.highest ?? [];
      if (generation !== undefined) this.fencedBy = Math.max(generation, this.fencedBy ?? 0);
    }
    // A task that docker did not answer for has not run: that one is known.
    const unrun = request.phase === 'task' && !reply.ok && reply.code === 'no-docker';
    if (!reply.ok && INCONCLUSIVE.has(reply.code) && !unrun) {
      this.#lose(instance, entry, request, reply.message);
      return;
    }
    this.#troubles.over(instance, `${this.#who(instance)} has answered again`, 0);
    entry.op = { is: 'idle' };
    delete entry.command;
    if (reply.containers !== undefined) entry.containers = { is: 'known', value: reply.containers, at: now };
    if (reply.ok) this.#succeeded(instance, entry, request, sentAt, reply);
    else this.#failed(instance, entry, request, reply);
  }

  #succeeded(
    instance: InstanceId,
    entry: Entry,
    request: HostRequest,
    sentAt: Instant,
    reply: Extract<HostReply, { ok: true }>,
  ): void {
    const now = this.#deps.clock.now();
    if (reply.facts !== undefined) entry.facts = reply.facts;
    switch (request.phase) {
      case 'inspect':
        confirm(entry, sentAt);
        return;
      case 'quiet':
        entry.connections.set(slotKey(request.slot.service, request.slot.color), {
          containerId: request.container,
          at: sentAt,
          ...(reply.connections === undefined ? {} : { open: reply.connections }),
        });
        return;
      case 'pull':
        for (const image of request.images) entry.pulled.add(`${image.service}@${image.release}`);
        delete entry.pullFailure;
        break;
      case 'task':
        this.tasks.set(request.service, { is: 'succeeded' });
        break;
      case 'start':
      case 'restore': {
        const { service, color } = request.slot;
        this.#explains(instance, entry, request, reply);
        entry.failures.delete(slotKey(service, color));
        entry.losses.delete(slotKey(service, color));
        const container = reply.container;
        if (container === undefined) {
          entry.containers = { is: 'unknown', why: 'the instance did not say which container it started', since: now };
          return;
        }
        const { id: containerId, startedAt, restartCount } = container;
        entry.verified.set(slotKey(service, color), {
          release: request.release,
          containerId,
          startedAt,
          restartCount,
          since: now,
          at: sentAt,
        });
        break;
      }
      case 'stop':
        this.#explains(instance, entry, request, reply);
        entry.failures.delete(slotKey(request.slot.service, request.slot.color));
        entry.verified.delete(slotKey(request.slot.service, request.slot.color));
        break;
    }
    const text = nameOf(request);
    this.#deps.emit({ type: 'host.done', instance, name: this.#deps.nameOf(instance), text, took: now - sentAt });
  }

  /** What became of a container that was bad for a reason that nobody knew. */
  #explains(
    instance: InstanceId,
    entry: Entry,
    request: Extract<HostRequest, { slot: unknown }>,
    { aside }: Extract<HostReply, { ok: true }>,
  ): void {
    if (aside === undefined || !entry.unexplained.delete(slotKey(request.slot.service, request.slot.color))) return;
    const failure = asideOf(request, aside, this.#deps.clock.now());
    this.#explained ??= failure;
    this.#deps.emit({ type: 'host.failed', instance, name: this.#deps.nameOf(instance), failure });
  }

  #failed(instance: InstanceId, entry: Entry, request: HostRequest, reply: Extract<HostReply, { ok: false }>): void {
    const now = this.#deps.clock.now();
    const failure = failureOf(request, reply, now);
    if (reply.containers === undefined) {
      // Unknown since the first time: a host that answers each look with the same refusal is given up after its time.
      const since = entry.containers.is === 'unknown' ? entry.containers.since : now;
      entry.containers = { is: 'unknown', why: reply.message, since };
    }
    switch (request.phase) {
      case 'inspect':
      case 'quiet':
        break;
      case 'pull':
        entry.pullFailure = failure;
        break;
      case 'task':
        this.tasks.set(request.service, { is: 'failed', why: reply.message });
        break;
      case 'start':
      case 'restore':
      case 'stop':
        entry.failures.set(slotKey(request.slot.service, request.slot.color), failure);
        break;
    }
    this.#deps.emit({ type: 'host.failed', instance, name: this.#deps.nameOf(instance), failure });
  }

  /** It may have run, be running, or run later: only an inspect under a higher fence tells. */
  #lose(instance: InstanceId, entry: Entry, request: HostRequest, why: string): void {
    const now = this.#deps.clock.now();
    // Docker's own words may end with a question.
    const told = /[.?!]$/.test(why) ? why : `${why}.`;
    const text =
      request.phase === 'inspect'
        ? `${this.#who(instance)} cannot be looked at: ${told} It is asked again`
        : `${this.#who(instance)}: nobody knows what became of "${nameOf(request)}": ${told} It is looked at before anything else is done there`;
    this.#troubles.began(instance, text);
    const since = entry.containers.is === 'unknown' ? entry.containers.since : now;
    entry.op = { is: 'lost', phase: request.phase, why, since };
    entry.containers = { is: 'unknown', why, since };
    delete entry.command;
    if (request.phase === 'task') this.tasks.set(request.service, { is: 'unknown', why });
    // A look is no step: what becomes of the slot does not depend on it.
    if (!('slot' in request) || request.phase === 'quiet') return;
    const slot = slotKey(request.slot.service, request.slot.color);
    const losses = (entry.losses.get(slot) ?? 0) + 1;
    entry.losses.set(slot, losses);
    if (losses < MOST_LOSSES) return;
    const message = `${request.phase} was lost ${String(losses)} times: ${why}`;
    entry.failures.set(slot, failureOf(request, { ok: false, code: 'lost', message }, now));
  }

  /** The service refused the send: nothing runs. Throttled ones are simply sent again; the rest is a failure of that step. */
  #notSent(instance: InstanceId, entry: Entry, request: HostRequest, error: PortError): boolean {
    if (error.kind === 'throttled' || error.kind === 'conflict') {
      this.#neverRan(entry, request);
      const text = `${this.#who(instance)}: "${nameOf(request)}" was not accepted and is sent again: ${messageOf(error)}`;
      this.#deps.emit({ type: 'note', level: 'warning', text });
      return true;
    }
    if (error.kind === 'invalid' && isAboutRequest(error))
      return this.#unsendable(instance, entry, request, error.message);
    if (request.phase === 'inspect' || request.phase === 'quiet' || error.kind === 'invalid') {
      // SSM does not take commands for the instance (any more): that is a fact about the instance, not about the release.
      this.#lose(instance, entry, request, messageOf(error));
      // What was not sent has not run, whatever becomes of the instance.
      if (request.phase === 'task') this.tasks.set(request.service, { is: 'none' });
      return false;
    }
    this.#neverRan(entry, request);
    // This identity may send nothing: that is no failure of the release, and `sendError` says it.
    if (isDenied(error)) return false;
    this.#failed(instance, entry, request, { ok: false, code: error.kind, message: messageOf(error) });
    return false;
  }

  /** No instance will ever be sent this: a failure of the step, with its reason, and a task has surely not run. */
  #unsendable(instance: InstanceId, entry: Entry, request: HostRequest, message: string): boolean {
    if (request.phase === 'inspect' || request.phase === 'quiet') {
      this.#lose(instance, entry, request, message);
      return false;
    }
    this.#neverRan(entry, request);
    // Its containers are as they were: they have not heard of it.
    const containers = entry.containers.is === 'known' ? { containers: entry.containers.value } : {};
    this.#failed(instance, entry, request, { ok: false, code: 'unsendable', message, ...containers });
    return false;
  }

  #neverRan(entry: Entry, request: HostRequest): void {
    entry.op = { is: 'idle' };
    if (request.phase === 'task') this.tasks.set(request.service, { is: 'none' });
  }

  #who(instance: InstanceId): string {
    const name = this.#deps.nameOf(instance);
    return name === instance ? instance : `${name} (${instance})`;
  }

  #entry(instance: InstanceId): Entry {
    const existing = this.#entries.get(instance);
    if (existing !== undefined) return existing;
    const entry = newEntry(this.#deps.clock.now());
    this.#entries.set(instance, entry);
    return entry;
  }
}
