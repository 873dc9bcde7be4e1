import type { Fence, HostRequest } from '../../../src/domain/host.js';
import type { Color, Digest, InstanceId, Ms } from '../../../src/domain/ids.js';
import type { Container } from '../../../src/domain/observation.js';
import type { RunSpec } from '../../../src/domain/release.js';
import type { HostReply } from '../../../src/engine/host-port.js';
import { START } from '../timeline.js';
import { errorShare, takes } from './shape.js';
import type { Dice } from '../dice.js';
import type { World } from './world.js';

export interface Box {
  readonly id: string;
  readonly service: string;
  readonly color: Color;
  /** undefined: deployctl did not start it. */
  readonly release: string | undefined;
  readonly digest: Digest;
  readonly port: number;
  /** `restarting`: it ended, and docker is about to start it again. */
  status: 'created' | 'running' | 'restarting' | 'exited';
  startedAt: Ms;
  endedAt: Ms;
  restartCount: number;
  exitCode: number;
  restart: boolean;
  /** Somebody else started it, and not for the service: the image's repository and its name. */
  readonly foreign?: { readonly repository: string; readonly name: string };
  /** The slot for which it was adopted; only of what deployctl did not start. */
  adopted?: { readonly service: string; readonly color: Color };
  /** Found well on the instance since this start. */
  witnessed: boolean;
  /** Was it ever: what prune keeps first. */
  everWell: boolean;
}

export interface HostFacts {
  readonly id: InstanceId;
  readonly zone: string;
  readonly color?: Color | undefined;
  /** It came later. */
  readonly joined?: boolean;
  readonly name?: string;
  /** It does not carry the tags of the fleet. */
  readonly outside?: boolean;
}

type Slotted = Extract<HostRequest, { phase: 'start' | 'restore' | 'stop' }>['slot'];
type StartRequest = Extract<HostRequest, { phase: 'start' | 'restore' }>;

/** An answer, thrown by a step of a command that cannot go on. */
class Failed extends Error {
  readonly reply: Extract<HostReply, { ok: false }>;
  constructor(code: string, message: string, more: Partial<Extract<HostReply, { ok: false }>> = {}) {
    super(message);
    this.reply = { ok: false, code, message, ...more };
  }
}

/**
 * One instance: its docker, and what the instance script does there, step by step (src/host/instance). Each `yield` is time that passes, and a
 * point at which the instance, or the command, may end.
 */
export class Host {
  readonly id: InstanceId;
  readonly name: string;
  readonly zone: string;
  readonly color: Color | undefined;
  readonly joined: boolean;
  /** Since when there is such an instance. */
  readonly since: Ms;
  /** It runs. */
  alive = true;
  /** It does not run, and may be started again. */
  stopped = false;
  /** Grows with each start of the instance. */
  boots = 0;
  /** It carries the tags of the fleet. */
  tagged: boolean;
  /** When the fleet did not have it, whether it had other tags or did not run. */
  readonly away: { readonly since: Ms; until: Ms }[] = [];
  agent: 'online' | 'offline' = 'online';
  diskFull = false;
  /** Until when what listens on a port answers 503, through no fault of its own. */
  readonly ill = new Map<number, Ms>();
  boxes: Box[] = [];
  readonly images = new Set<Digest>();
  fence: Fence | undefined;
  readonly answers = new Map<string, HostReply>();
  readonly tasks = new Map<string, 'done' | 'running'>();
  /** When the command that runs was sent: it may have been on its way for long. */
  orderedAt: Ms = 0;
  busy = false;
  readonly queue: (() => void)[] = [];
  /** What ran when the instance was stopped. */
  readonly #interrupted = new Set<Box>();
  readonly #world: World;

  constructor(world: World, facts: HostFacts) {
    this.#world = world;
    this.id = facts.id;
    this.name = facts.name ?? `web-${facts.id.slice(-2)}`;
    this.zone = facts.zone;
    this.color = facts.color;
    this.joined = facts.joined === true;
    this.since = world.timeline.now;
    this.tagged = facts.outside !== true;
    if (!this.tagged) this.away.push({ since: 0, until: Infinity });
  }

  get inFleet(): boolean {
    return this.alive && this.tagged;
  }

  /** Whether the fleet did not have it at some moment of a stretch of time. */
  wasAway(from: Ms, to: Ms): boolean {
    return this.away.some(({ since, until }) => since <= to && until >= from);
  }

  /** Since when the fleet has not had it. */
  get awaySince(): Ms | undefined {
    return this.away.find(({ until }) => until === Infinity)?.since;
  }

  leaves(): void {
    if (this.awaySince === undefined) this.away.push({ since: this.#world.timeline.now, until: Infinity });
  }

  returns(): void {
    for (const each of this.away) each.until = Math.min(each.until, this.#world.timeline.now);
  }

  /** The instance is stopped: everything that runs there ends, commands too. */
  stop(): void {
    this.leaves();
    for (const box of this.boxes.filter(isUp)) {
      this.#world.struck(this, box);
      [box.status, box.endedAt, box.witnessed] = ['exited', this.#world.timeline.now, false];
      this.#interrupted.add(box);
    }
    [this.alive, this.stopped, this.busy] = [false, true, false];
    this.queue.length = 0;
  }

  /** It is started again, and docker starts what ran, where its policy says so. */
  boot(): void {
    [this.alive, this.stopped, this.boots] = [true, false, this.boots + 1];
    if (this.tagged) this.returns();
    for (const box of this.#interrupted) {
      if (!this.boxes.includes(box) || !box.restart || this.on(box.port) !== undefined) continue;
      [box.status, box.startedAt] = ['running', this.#world.timeline.now];
      this.#starts(box);
      this.#loop(box);
    }
    this.#interrupted.clear();
  }

  /** What listens on a host port. */
  on(port: number): Box | undefined {
    return this.boxes.find((box) => box.status === 'running' && box.port === port);
  }

  isWell(box: Box): boolean {
    if ((this.ill.get(box.port) ?? -1) > this.#world.timeline.now) return false;
    const { slowStart, timeline } = this.#world;
    if (box.startedAt >= slowStart.since && timeline.now - box.startedAt < slowStart.takes) return false;
    const { fate } = this.#world.app(box.digest);
    return fate !== 'never-healthy' && fate !== 'crash-loop';
  }

  /** Whether the load balancer's check of this port passes. */
  passes(port: number): boolean {
    const box = this.on(port);
    return box !== undefined && this.isWell(box) && this.#world.app(box.digest).fate !== 'balancer-only';
  }

  /** Whether this one request to what listens on a port is answered with an error, though all checks pass. */
  errs(port: number, dice: Dice): boolean {
    const box = this.on(port);
    return box !== undefined && this.#world.app(box.digest).fate === 'errors' && dice.chance(errorShare);
  }

  add(box: Omit<Box, 'id' | 'startedAt' | 'endedAt' | 'restartCount' | 'exitCode' | 'everWell'>): Box {
    const made: Box = {
      ...box,
      id: this.#world.id('c'),
      startedAt: this.#world.timeline.now,
      endedAt: 0,
      restartCount: 0,
      exitCode: 0,
      everWell: box.witnessed,
    };
    this.boxes.push(made);
    return made;
  }

  /** Something that the application needs is away for a while. */
  sicken(port: number, duration: Ms): void {
    const box = this.on(port);
    if (box !== undefined) this.#world.struck(this, box);
    this.ill.set(port, this.#world.timeline.now + duration);
    this.#moved(`${this.id} ${String(port)} falls ill for ${String(duration / 1000)} s`);
    this.#world.timeline.after(duration, () => {
      this.#moved(`${this.id} ${String(port)} is well again`);
    });
  }

  /** The world ends a container; docker starts it again where its policy says so. */
  crash(box: Box, forGood = false): void {
    if (box.status !== 'running') return;
    this.#world.struck(this, box);
    [box.endedAt, box.exitCode, box.witnessed] = [this.#world.timeline.now, 1, false];
    box.status = forGood || !box.restart ? 'exited' : 'restarting';
    this.#moved(`${this.id} ${box.service} ${box.color} crashed`);
    this.#world.timeline.after(takes.dockerRestart, () => {
      if (!this.alive || box.status !== 'restarting' || this.on(box.port) !== undefined) return;
      [box.status, box.startedAt] = ['running', this.#world.timeline.now];
      box.restartCount += 1;
      this.#moved(`${this.id} ${box.service} ${box.color} was started again`);
      this.#starts(box);
      this.#loop(box);
    });
  }

  /** What starts slowly passes its first check later. */
  #starts({ startedAt }: Box): void {
    const { balancer, slowStart, timeline } = this.#world;
    if (startedAt < slowStart.since) return;
    timeline.after(slowStart.takes, () => {
      balancer.wake(this.id);
    });
  }

  /** A release that ends right after each of its starts. */
  #loop(box: Box): void {
    if (this.#world.app(box.digest).fate !== 'crash-loop') return;
    const { startedAt } = box;
    this.#world.timeline.after(300, () => {
      if (this.alive && this.boxes.includes(box) && box.startedAt === startedAt) this.crash(box);
    });
  }

  #moved(what: string): void {
    this.#world.balancer.wake(this.id);
    this.#world.changed(what);
  }

  containers(): readonly Container[] {
    return this.boxes.map((box) => ({
      id: box.id,
      name: nameOf(box),
      running: box.status === 'running',
      ...(box.status === 'restarting' ? { restarting: true } : {}),
      startedAt: new Date(START + box.startedAt).toISOString(),
      restartCount: box.restartCount,
      exitCode: box.exitCode,
      oomKilled: false,
      restartPolicy: box.restart ? 'unless-stopped' : 'no',
      ports: [box.port],
      digest: box.digest,
      imageReference: `${repositoryOf(box)}@${box.digest}`,
      ...(box.adopted === undefined ? {} : { adopted: box.adopted }),
      ...(box.release === undefined ? {} : { ours: { service: box.service, color: box.color, release: box.release } }),
    }));
  }

  *run(request: HostRequest, isFenced: boolean): Generator<Ms, HostReply> {
    try {
      return yield* this.#phase(request, isFenced);
    } catch (error) {
      if (error instanceof Failed) return error.reply;
      throw error;
    }
  }

  *#phase(request: HostRequest, isFenced: boolean): Generator<Ms, HostReply> {
    switch (request.phase) {
      case 'inspect': {
        yield 300;
        if (isFenced) for (const slot of request.slots) this.#mark(slot);
        const fence = this.fence === undefined ? {} : { fence: this.fence };
        const facts = { dockerVersion: '28.0.0', curl: true, flock: true, aws: true, memory: {}, ...fence };
        return { ok: true, replayed: false, containers: this.containers(), facts };
      }
      case 'quiet': {
        const box = this.boxes.find(({ id }) => id === request.container);
        let open = 0;
        for (let rest = request.window; rest > 0; rest -= 500) {
          yield Math.min(rest, 500);
          if (box?.status === 'running') open = Math.max(open, this.#world.connections(box));
        }
        return { ok: true, replayed: false, connections: open };
      }
      case 'pull':
        for (const { spec } of request.images) yield* this.#pull(spec);
        return { ok: true, replayed: false };
      case 'task': {
        const key = `${request.service}.${request.release}`;
        if (this.tasks.get(key) === 'done') return { ok: true, replayed: false };
        yield* this.#pull(request.spec);
        this.tasks.set(key, 'running');
        this.#world.ran(key);
        yield 2000;
        this.tasks.set(key, 'done');
        return { ok: true, replayed: false };
      }
      case 'stop':
        this.#sweep(request.slot);
        yield* this.#clear(request.slot, undefined);
        this.#prune(request.slot, request.keep);
        return { ok: true, replayed: false, containers: this.containers() };
      case 'start':
      case 'restore':
        return yield* this.#start(request);
    }
  }

  *#pull(spec: RunSpec): Generator<Ms, void> {
    const { digest } = spec.image;
    if (this.images.has(digest)) return;
    yield takes.pull;
    if (!this.#world.isPublished(digest)) throw new Failed('pull-failed', 'manifest unknown');
    if (this.diskFull) throw new Failed('pull-failed', 'no space left on device');
    this.images.add(digest);
  }

  *#start(request: StartRequest): Generator<Ms, HostReply> {
    const { slot, release } = request;
    let found = this.#inSlot(slot).find((box) => box.status === 'running' && releaseOf(box) === release);
    if (found !== undefined) yield* this.#clear(slot, found);
    else if (request.phase === 'restore') {
      found = this.#kept(slot, release);
      if (found !== undefined) {
        this.#refuseForeign(slot);
        this.#sweep(slot);
        yield* this.#clear(slot, found);
        this.#launch(found);
      } else if (release.startsWith('adopted-')) {
        throw new Failed('nothing-to-restore', `no container of ${release} is kept`, { containers: this.containers() });
      } else found = yield* this.#startNew(request);
    } else found = yield* this.#startNew(request);
    yield* this.#witness(found, request);
    this.#prune(slot, request.keep, release);
    const container = this.containers().find(({ id }) => id === found.id);
    return { ok: true, replayed: false, containers: this.containers(), ...(container && { container }) };
  }

  *#startNew({ slot, release, spec }: StartRequest): Generator<Ms, Box> {
    yield* this.#pull(spec);
    this.#refuseForeign(slot);
    this.#sweep(slot);
    yield takes.create;
    const { service, color, port } = slot;
    const { digest } = spec.image;
    const created = { service, color, port, release, digest, restart: true, witnessed: false } as const;
    const box = this.add({ ...created, status: 'created' });
    yield* this.#clear(slot, box);
    this.#launch(box);
    return box;
  }

  #launch(box: Box): void {
    const holder = this.on(box.port);
    if (holder !== undefined && holder !== box)
      throw new Failed('port-taken', `port ${String(box.port)} is held by ${holder.id}`, {
        containers: this.containers(),
      });
    [box.status, box.startedAt, box.restart, box.witnessed] = ['running', this.#world.timeline.now, true, false];
    this.#world.started(this, box);
    this.#starts(box);
    this.#loop(box);
  }

  /** The health path so many times in a row, for one start of one container. */
  *#witness(box: Box, { spec }: StartRequest): Generator<Ms, void> {
    const { startedAt, restartCount } = box;
    const began = this.#world.timeline.now;
    for (let passed = 0; passed < spec.health.passes;) {
      yield spec.health.interval;
      if (box.status !== 'running' || box.startedAt !== startedAt || box.restartCount !== restartCount)
        throw new Failed('exited', 'the container ended while it was watched', { containers: this.containers() });
      if (this.isWell(box)) passed += 1;
      else if (this.#world.timeline.now - began >= spec.health.startTimeout)
        throw new Failed('unhealthy', 'the health path answers 503', { containers: this.containers() });
    }
    [box.witnessed, box.everWell] = [true, true];
    this.#world.well(this, box);
  }

  /** Something that is not the slot's holds its port: said before anything is stopped. */
  #refuseForeign(slot: Slotted): void {
    const holder = this.boxes.find((box) => isUp(box) && box.port === slot.port && !this.#inSlot(slot).includes(box));
    if (holder === undefined) return;
    this.#world.counted('port taken');
    throw new Failed('port-taken', `port ${String(slot.port)} is held by container ${nameOf(holder)}`, {
      containers: this.containers(),
    });
  }

  /** Remembers what is adopted for the slot. */
  #mark(slot: Slotted): void {
    for (const box of this.#inSlot(slot))
      if (box.release === undefined) box.adopted ??= { service: slot.service, color: slot.color };
  }

  /** Sets aside what runs in the slot, ours or adopted, but not `but`. */
  *#clear(slot: Slotted, but: Box | undefined): Generator<Ms, void> {
    for (const box of this.#inSlot(slot)) {
      if (box === but || !isUp(box)) continue;
      this.#mark(slot);
      box.restart = false;
      yield this.#world.deaf ? takes.kill : takes.stop;
      if (!this.boxes.includes(box) || !isUp(box)) continue;
      this.#world.stopping(this, box);
      [box.status, box.endedAt, box.witnessed] = ['exited', this.#world.timeline.now, false];
      this.#moved(`${this.id} ${box.service} ${box.color} ${releaseOf(box)} stopped`);
    }
  }

  /** Ours, what was adopted for the slot, and what may be: by its name, or on the live color by the repository of its image. */
  #inSlot({ service, color, port, adopts }: Slotted): readonly Box[] {
    return this.boxes.filter((box) => {
      if (box.release !== undefined) return box.service === service && box.color === color;
      if (box.adopted !== undefined) return box.adopted.service === service && box.adopted.color === color;
      const fits = adopts?.containers.includes(nameOf(box)) === true || adopts?.repository === repositoryOf(box);
      return isUp(box) && box.port === port && fits;
    });
  }

  #kept(slot: Slotted, release: string): Box | undefined {
    const kept = this.#inSlot(slot).filter((box) => box.status === 'exited' && releaseOf(box) === release);
    return kept.sort((a, b) => Number(b.everWell) - Number(a.everWell) || b.endedAt - a.endedAt)[0];
  }

  #sweep(slot: Slotted): void {
    this.boxes = this.boxes.filter((box) => box.status !== 'created' || !this.#inSlot(slot).includes(box));
  }

  /** `release`: what runs now; earlier containers of it are no way back. What was adopted stays, and takes no other's place. */
  #prune(slot: Slotted, keep: number, release?: string): void {
    const stopped = this.#inSlot(slot)
      .filter((box) => box.status === 'exited' && box.release !== undefined)
      .sort((a, b) => b.endedAt - a.endedAt);
    const counts = (box: Box): boolean => releaseOf(box) !== release && box.everWell;
    const well = stopped.filter(counts).slice(keep);
    const bad = stopped.filter((box) => !counts(box)).slice(keep === 0 ? 0 : 1);
    this.boxes = this.boxes.filter((box) => !well.includes(box) && !bad.includes(box));
  }
}

const nameOf = (box: Box): string => box.foreign?.name ?? `${box.service}-${box.color}-${box.id}`;
const repositoryOf = (box: Box): string => box.foreign?.repository ?? `shop/${box.service}`;

export const isUp = ({ status }: Box): boolean => status === 'running' || status === 'restarting';

export const releaseOf = (box: Box): string => box.release ?? `adopted-${box.digest.slice(7, 19)}`;
