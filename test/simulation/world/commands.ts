import type { Fence, HostRequest } from '../../../src/domain/host.js';
import type { InstanceId, Ms } from '../../../src/domain/ids.js';
import type { HostCommandState, HostReply } from '../../../src/engine/host-port.js';
import type { Host } from './docker.js';
import { takes } from './shape.js';
import type { World } from './world.js';

/** What may become of a command besides being run once. */
export type Delivery = 'normal' | 'twice' | 'never' | 'zombie' | 'killed' | 'cut';

interface Sent {
  readonly request: HostRequest;
  readonly fence: Fence | undefined;
  readonly timeout: Ms;
  readonly instance: InstanceId;
  readonly at: Ms;
  state: HostCommandState;
}

/** Run Command: delivery, the fence and the lock on the instance, time limits, and answers that come a little later. */
export class Commands {
  /** Grows with every command that is sent or ends. */
  version = 0;
  readonly #world: World;
  readonly #sent = new Map<string, Sent>();

  constructor(world: World) {
    this.#world = world;
  }

  send(instance: InstanceId, request: HostRequest, fence: Fence | undefined, timeout: Ms, delivery: Delivery): string {
    const id = this.#world.id('command-');
    const at = this.#world.timeline.now;
    const sent: Sent = { request, fence, timeout, instance, at, state: { is: 'pending' } };
    this.#sent.set(id, sent);
    this.version += 1;
    const { timeline } = this.#world;
    const late = delivery === 'zombie' ? takes.undelivered + this.#world.dice.between(1000, 40_000) : takes.delivery;
    if (delivery === 'never' || delivery === 'zombie') this.#undelivered(sent);
    if (delivery === 'never') return id;
    timeline.after(late, () => {
      const host = this.#world.hosts.get(instance);
      if (host?.alive !== true || host.agent === 'offline') {
        if (delivery === 'normal') this.#undelivered(sent);
        return;
      }
      this.#deliver(host, sent, delivery);
      if (delivery === 'twice') timeline.after(2500, () => this.#deliver(host, { ...sent }, 'normal'));
    });
    return id;
  }

  state(id: string): HostCommandState {
    return this.#sent.get(id)?.state ?? { is: 'pending' };
  }

  /** Commands that change something and have not ended: what each is, and how old. */
  open(): readonly string[] {
    const { now } = this.#world.timeline;
    return [...this.#sent.values()]
      .filter(({ request, state }) => state.is === 'pending' && request.phase !== 'inspect')
      .map(({ request, instance, at }) => {
        const slot = 'slot' in request ? `${request.slot.service} ${request.slot.color}` : '';
        return `${instance} ${request.phase} ${slot} ${String(Math.floor((now - at) / 2000))}`;
      });
  }

  #undelivered(sent: Sent): void {
    this.#world.timeline.after(takes.undelivered, () => {
      this.#end(sent, { is: 'lost', why: 'SSM reports DeliveryTimedOut' });
    });
  }

  #deliver(host: Host, sent: Sent, delivery: Delivery): void {
    if (sent.fence === undefined) {
      this.#steps(host, sent, delivery, () => undefined);
      return;
    }
    const { fence } = sent;
    const boot = host.boots;
    const share = sent.request.phase === 'inspect' ? 0.9 : 0.5;
    const patience = this.#world.timeline.now + sent.timeout * share;
    const begin = (): void => {
      if (!host.alive) {
        release();
        return;
      }
      if (this.#world.timeline.now >= patience) {
        release();
        this.#answer(host, sent, { ok: false, code: 'lock-timeout', message: 'another command still runs' });
        return;
      }
      const refused = this.#takeFence(host, sent, fence);
      if (refused === undefined) this.#steps(host, sent, delivery, release);
      else {
        release();
        this.#answer(host, sent, refused);
      }
    };
    const release = (): void => {
      if (host.boots !== boot) return;
      host.busy = false;
      const next = host.queue.shift();
      if (next === undefined) return;
      host.busy = true;
      next();
    };
    if (host.busy) host.queue.push(begin);
    else {
      host.busy = true;
      begin();
    }
  }

  /** Refuses an older fence, repeats the answer of an equal one, raises the fence before anything is done. */
  #takeFence(host: Host, sent: Sent, fence: Fence): HostReply | undefined {
    const seen = host.fence;
    if (seen !== undefined && lower(fence, seen)) {
      const message = `fence ${fence.join('.')} is older than ${seen.join('.')}, which was here before; nothing was done`;
      this.#world.counted('command fenced');
      return { ok: false, code: 'fenced', message, fence: { highest: seen } };
    }
    const before = host.answers.get(fence.join('.'));
    if (seen !== undefined && !lower(seen, fence) && before !== undefined) {
      this.#world.counted('answer repeated');
      return before.ok ? { ...before, replayed: true } : before;
    }
    host.fence = fence;
    this.#world.fenced(host, fence, sent.request);
    return undefined;
  }

  #steps(host: Host, sent: Sent, delivery: Delivery, release: () => void): void {
    const { timeline } = this.#world;
    host.orderedAt = sent.at;
    const work = host.run(sent.request, sent.fence !== undefined);
    const { phase } = sent.request;
    this.#world.note(`${host.id} begins ${phase}`);
    const end = timeline.now + sent.timeout;
    const boot = host.boots;
    const dies = delivery === 'killed' ? timeline.now + this.#world.dice.between(0, 4000) : Infinity;
    const go = (): void => {
      if (!host.alive || host.boots !== boot) {
        this.#lose(sent, 'the instance is gone');
        return;
      }
      if (timeline.now >= Math.min(end, dies)) {
        this.#lose(sent, 'SSM reports TimedOut: killed at its time limit');
        release();
        return;
      }
      const step = work.next();
      if (step.done !== true) {
        timeline.after(step.value, go);
        return;
      }
      this.#world.note(`${host.id} ends ${phase}`);
      if (sent.fence !== undefined) host.answers.set(sent.fence.join('.'), step.value);
      release();
      if (delivery === 'cut') this.#lose(sent, 'its answer is cut off');
      else this.#answer(host, sent, step.value);
    };
    go();
  }

  #lose(sent: Sent, why: string): void {
    this.#world.timeline.after(takes.report, () => {
      this.#end(sent, { is: 'lost', why });
    });
  }

  #answer(host: Host, sent: Sent, reply: HostReply): void {
    this.#world.timeline.after(takes.report, () => {
      if (sent.state.is !== 'pending') return;
      this.#end(sent, host.alive ? { is: 'replied', reply } : { is: 'lost', why: 'the instance is gone' });
    });
  }

  #end(sent: Sent, state: HostCommandState): void {
    sent.state = state;
    this.version += 1;
  }
}

export function lower(a: Fence, b: Fence): boolean {
  const at = a.findIndex((part, index) => part !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
