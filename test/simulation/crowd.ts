import type { Ms } from '../../src/domain/ids.js';
import { Dice } from './dice.js';
import type { Group, Route, Target } from './world/balancer.js';
import type { Box } from './world/docker.js';
import { takes } from './world/shape.js';
import type { World } from './world/world.js';

/** What became of a request. `void`: no target, 503. `refused`: nothing listens there. `cut`: its container ended before its answer. `ill`: answered with 503 by the release or the world. */
export type Fate = 'answered' | 'void' | 'refused' | 'cut' | 'ill';

/** Who is told of requests that got no answer, and says whether deployctl is to blame. */
export interface Complaints {
  unserved(group: Group, target: Target | undefined, why: 'void' | 'refused'): void;
  cut(box: Box, count: number): void;
}

/** Where a node may send a request of a route, with what share. */
interface Place {
  readonly group: Group;
  readonly targets: readonly Target[];
  readonly share: number;
}

/**
 * People who use the shop: each request arrives at a moment at a node of the load balancer, goes to a group by the weights that this node has heard of
 * and to one of the targets there, and takes its time. Between two changes of the world nothing about that changes, so the requests of a stretch are
 * played when it ends.
 */
export class Crowd {
  readonly fates: Record<Fate, number> = { answered: 0, void: 0, refused: 0, cut: 0, ill: 0 };
  /** Requests that outlast the drain: one in so many. 0: none. */
  long = 0;
  cutLong = 0;
  readonly #world: World;
  readonly #complaints: Complaints;
  readonly #dice: Dice;
  #until: Ms = 0;
  readonly #next = new Map<Route, Ms>();
  #places = new Map<Route, readonly (readonly Place[])[]>();
  /** When the requests that a container works on are answered. */
  readonly #open = new Map<Box, { readonly at: Ms; readonly long: boolean }[]>();

  constructor(world: World, seed: number, complaints: Complaints) {
    this.#world = world;
    this.#complaints = complaints;
    this.#dice = new Dice(seed * 31 + 7);
  }

  get requests(): number {
    return Object.values(this.fates).reduce((sum, count) => sum + count, 0);
  }

  /** The world has changed: plays what came before, where it went before, and looks where requests go from now on. */
  changed(): void {
    this.advance();
    const { balancer } = this.#world;
    const places = new Map<Route, readonly (readonly Place[])[]>();
    for (const route of balancer.routes.values()) places.set(route, balancer.places(route));
    this.#places = places;
  }

  /** Plays the requests that have arrived by now. */
  advance(): void {
    const { now } = this.#world.timeline;
    if (now <= this.#until) return;
    for (const [route, nodes] of this.#places) {
      let at = this.#next.get(route) ?? this.#until + this.#gap();
      for (; at < now; at += this.#gap()) this.#arrive(at, nodes[this.#dice.next() < 0.5 ? 0 : 1] ?? []);
      this.#next.set(route, at);
    }
    this.#until = now;
  }

  #gap(): Ms {
    return 100 + Math.floor(this.#dice.next() * 500);
  }

  #arrive(at: Ms, places: readonly Place[]): void {
    const place = this.#chosen(places);
    if (place === undefined) return;
    const target = place.targets[Math.floor(this.#dice.next() * place.targets.length)];
    if (target === undefined) {
      this.fates.void += 1;
      this.#complaints.unserved(place.group, undefined, 'void');
      return;
    }
    const host = this.#world.hosts.get(target.instance);
    const box = host?.on(target.port);
    if (host === undefined || box === undefined) {
      this.fates.refused += 1;
      this.#complaints.unserved(place.group, target, 'refused');
      return;
    }
    if (!host.passes(target.port) || host.errs(target.port, this.#dice)) {
      this.fates.ill += 1;
      return;
    }
    const long = this.long > 0 && this.#dice.next() * this.long < 1;
    const takesTime = long ? takes.request * 6 : Math.ceil(this.#dice.next() * takes.request);
    this.fates.answered += 1;
    const open = this.#open.get(box) ?? [];
    if (open.length > 60) open.splice(0, open.length, ...open.filter((each) => each.at > at));
    open.push({ at: at + takesTime, long });
    this.#open.set(box, open);
  }

  #chosen(places: readonly Place[]): Place | undefined {
    let left = this.#dice.next() * places.reduce((sum, { share }) => sum + share, 0);
    for (const place of places) {
      left -= place.share;
      if (left < 0) return place;
    }
    return places.at(-1);
  }

  /** Requests that a container works on now. */
  openIn(box: Box): number {
    this.advance();
    return (this.#open.get(box) ?? []).filter(({ at }) => at > this.#world.timeline.now).length;
  }

  /** A container ends: what it works on gets no answer. `ours`: deployctl ends it. */
  ends(box: Box, ours: boolean): void {
    this.advance();
    const { now } = this.#world.timeline;
    const open = (this.#open.get(box) ?? []).filter(({ at }) => at > now);
    this.#open.delete(box);
    const short = open.filter(({ long }) => !long).length;
    this.fates.answered -= open.length;
    this.fates.cut += open.length;
    this.cutLong += open.length - short;
    if (ours && short > 0) this.#complaints.cut(box, short);
  }
}
