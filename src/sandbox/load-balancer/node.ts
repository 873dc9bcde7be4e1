import type { IncomingMessage } from 'node:http';
import type { Action, Forward } from '../services/elbv2/actions.js';
import type { SandboxTime } from '../types.js';
import { TargetAgent } from './agent.js';
import { routable, WeightedRotation } from './choose.js';
import { makeCookies, readCookie } from './cookies.js';
import type { HealthChecker } from './health.js';
import type { Predicate } from './match.js';
import { compileCondition } from './match.js';
import type { Follower } from './propagation.js';
import type { GroupView, ListenerView, TargetView } from './views.js';

/** The connections and requests in flight of one node to one target. */
export interface Line {
  readonly agent: TargetAgent;
  /** Upgraded connections, which the agent does not own. */
  readonly tunnels: Set<() => void>;
}

export interface Rule {
  readonly arn: string;
  readonly priority: string;
  readonly predicates: readonly Predicate[];
  readonly action: Action | undefined;
  readonly rotation: WeightedRotation;
}

/** Where a request goes. `target` is undefined when the group has none to give. */
export interface Choice {
  readonly group: GroupView | undefined;
  readonly target: TargetView | undefined;
  /** Set-Cookie values for the answer. */
  readonly cookies: readonly string[];
}

/**
 * One node of the load balancer: what it knows of rules and targets, and how it chooses. A load balancer has one in each
 * zone; they hear of changes at different moments.
 */
export class BalancerNode implements Follower {
  rules: readonly Rule[] = [];
  idleMs: number;
  readonly #groups = new Map<string, GroupView>();
  readonly #turns = new Map<string, number>();
  readonly #lines = new Map<string, Line>();

  constructor(
    readonly zone: string,
    private readonly health: HealthChecker,
    private readonly time: SandboxTime,
    private readonly leastIdleMs: number,
  ) {
    this.idleMs = Math.max(time.real(60_000), leastIdleMs);
  }

  setListener(view: ListenerView): void {
    this.idleMs = Math.max(this.time.real(view.idleTimeoutSeconds * 1000), this.leastIdleMs);
    this.rules = view.rules.map((rule) => {
      const action = rule.actions.at(-1);
      return {
        arn: rule.arn,
        priority: rule.priority,
        predicates: rule.conditions.map(compileCondition),
        action,
        rotation: new WeightedRotation(action?.type === 'forward' ? action.forward.groups : []),
      };
    });
  }

  setGroup(view: GroupView): void {
    const before = this.#groups.get(view.arn);
    this.#groups.set(view.arn, view);
    const present = new Map(view.targets.map((target) => [target.registration.id, target]));
    for (const { registration } of before?.targets ?? []) {
      if (!present.has(registration.id)) {
        this.#cut(registration.id);
      }
    }
    for (const [id, target] of present) {
      if (target.registration.draining || !target.running) {
        this.#lines.get(id)?.agent.retire();
      } else {
        this.#lines.get(id)?.agent.enlist();
      }
    }
  }

  removeGroup(arn: string): void {
    for (const { registration } of this.#groups.get(arn)?.targets ?? []) {
      this.#cut(registration.id);
    }
    this.#groups.delete(arn);
  }

  /** The first rule whose conditions all hold. */
  match(request: IncomingMessage): Rule | undefined {
    return this.rules.find((rule) => rule.predicates.every((predicate) => predicate(request)));
  }

  /**
   * Group by weight, then target by turn. A cookie of a sticky rule wins over the weights, weight 0 included, as long as
   * its group is in the rule. Source: ALB guide, listener rules (target group stickiness).
   */
  choose(rule: Rule, forward: Forward, request: IncomingMessage): Choice {
    const cookies: string[] = [];
    const arn = this.#chooseGroup(rule, forward, request, cookies);
    const group = arn === undefined ? undefined : this.#groups.get(arn);
    const target = group === undefined ? undefined : this.#chooseTarget(group, request, cookies);
    return { group, target, cookies };
  }

  line(target: TargetView): Line {
    const { id } = target.registration;
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = { agent: new TargetAgent(() => this.idleMs), tunnels: new Set() };
      this.#lines.set(id, line);
    }
    return line;
  }

  close(): void {
    for (const id of [...this.#lines.keys()]) {
      this.#cut(id);
    }
  }

  #chooseGroup(rule: Rule, forward: Forward, request: IncomingMessage, cookies: string[]): string | undefined {
    if (!forward.stickiness.enabled) {
      return rule.rotation.next();
    }
    const now = Date.now();
    const pinned = readCookie(request.headers.cookie, 'group', now);
    const arn = forward.groups.some((group) => group.arn === pinned) ? pinned : rule.rotation.next();
    if (arn !== undefined) {
      cookies.push(...makeCookies('group', arn, now, this.time.real((forward.stickiness.durationSeconds ?? 0) * 1000)));
    }
    return arn;
  }

  #chooseTarget(group: GroupView, request: IncomingMessage, cookies: string[]): TargetView | undefined {
    const candidates = routable(group, this.zone, (target) => this.health.isHealthy(target.registration));
    if (group.attributes.get('stickiness.enabled') !== 'true') {
      return this.#takeTurn(group.arn, candidates);
    }
    const now = Date.now();
    const pinned = readCookie(request.headers.cookie, 'target', now);
    const target = candidates.find((one) => one.key === pinned) ?? this.#takeTurn(group.arn, candidates);
    if (target !== undefined) {
      const seconds = Number(group.attributes.get('stickiness.lb_cookie.duration_seconds') ?? '86400');
      cookies.push(...makeCookies('target', target.key, now, this.time.real(seconds * 1000)));
    }
    return target;
  }

  #takeTurn(groupArn: string, candidates: readonly TargetView[]): TargetView | undefined {
    const turn = this.#turns.get(groupArn) ?? 0;
    this.#turns.set(groupArn, turn + 1);
    return candidates[turn % candidates.length];
  }

  /** Ends what is left of a target: requests still in flight break. */
  #cut(id: string): void {
    const line = this.#lines.get(id);
    if (line === undefined) {
      return;
    }
    this.#lines.delete(id);
    line.agent.retire();
    line.agent.destroy();
    for (const end of line.tunnels) {
      end();
    }
  }
}
