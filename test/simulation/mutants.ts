/** A defect to be planted: in `file`, `find` (there exactly once) becomes `replace`. */
export interface Mutant {
  readonly file: string;
  readonly what: string;
  readonly find: string;
  readonly replace: string;
}

const mutant = (file: string, what: string, find: string, replace: string): Mutant => ({ file, what, find, replace });

/** What scripts and tools of this kind get wrong, planted in the code that decides, acts and stores. */
export const mutants: readonly Mutant[] = [
  // Traffic and draining
  mutant(
    'strategies/standing.ts',
    'no settle time before a stop in place',
    '+ plan.timing.settle;\n  return now < settled',
    '+ 0;\n  return now < settled',
  ),
  mutant(
    'strategies/standing.ts',
    'stops before it deregisters',
    "  if (isRegistered(target)) return { ...base, place: 'old' };\n",
    '',
  ),
  mutant(
    'domain/observation.ts',
    'an unhealthy target counts as not registered',
    "if (state === 'absent' || state === 'draining') return false;",
    "if (state === 'absent' || state === 'draining' || state === 'unhealthy') return false;",
  ),
  mutant(
    'strategies/empty-color.ts',
    'deregisters as soon as the weight is written',
    'if (target.unroutedSince !== undefined && now >= settled) {',
    'if (settled > 0) {',
  ),
  mutant(
    'strategies/empty-color.ts',
    'stops a color that is registered',
    'if (isRegistered(target)) {',
    'if (isRegistered(target) && plan.deadline < 0) {',
  ),
  mutant(
    'strategies/empty-color.ts',
    'leaves a crash loop behind',
    'holderOf(containers, service, color)',
    'containers.find((each) => each.running && holderOf([each], service, color))',
  ),
  mutant(
    'engine/observer.ts',
    'takes a color with weight for one that gets nothing',
    'return entry !== undefined && (entry.weight > 0 || seen.value.stickiness.enabled);',
    'return false;',
  ),
  // Health and verification
  mutant(
    'strategies/standing.ts',
    'trusts a container without its witness',
    "  if (!stillSame && !trusted) return { ...base, place: 'unverified', why: 'waits for its checks on the instance' };\n",
    '',
  ),
  mutant(
    'strategies/standing.ts',
    'does not see that a container was started again',
    "if (ofThis !== undefined && !stillSame && plan.aim.to === 'new') {",
    'if (plan.deadline < 0) {',
  ),
  mutant(
    'strategies/prepare-idle.ts',
    'registers the idle color before anything runs there',
    "    case 'unverified':\n      return standing.free ? { actions: [startOf(plan, standing)], waits: [] } : wait;",
    "    case 'unverified':\n      return { actions: [registerOf(standing)], waits: [] };",
  ),
  mutant(
    'strategies/prepare-idle.ts',
    'shifts before the targets are healthy',
    "usable.every((standing) => standing.place === 'serving')",
    'true',
  ),
  mutant(
    'strategies/prepare-idle.ts',
    'does not attach the idle group before it waits for its health',
    'if (missing.length > 0) return',
    'if (missing.length > 99) return',
  ),
  mutant(
    'strategies/in-place.ts',
    'never registers again',
    "    case 'ready':\n      return { actions: [registerOf(standing)], waits: [] };",
    "    case 'ready':\n      return wait;",
  ),
  mutant(
    'strategies/in-place.ts',
    'swaps while it drains',
    '      return { actions: watched(standing), waits: wait.waits };',
    '      return standing.free ? { actions: [startOf(plan, standing)], waits: [] } : wait;',
  ),
  mutant('strategies/baking.ts', 'no bake', 'Math.min(since + plan.timing.bake,', 'Math.min(since,'),
  mutant(
    'strategies/rolling.ts',
    'goes on past a bad instance',
    'if (work.bad.length > 0 && !back) return failing(plan, seen, now, fleet, work.bad);',
    '',
  ),
  mutant(
    'strategies/blue-green.ts',
    'a failed color is waited for',
    'if (work.bad.length > 0) return failing(plan, seen, now, fleet, work.bad);',
    '',
  ),
  // Capacity and weights
  mutant(
    'strategies/in-place.ts',
    'the minimum of healthy targets is forgotten',
    'if (costs > 0 && spare <= 0) break;',
    '',
  ),
  mutant(
    'strategies/amounts.ts',
    'the minimum of healthy targets is 0',
    'return Math.max(fleet - atMost(how.maxParallel, fleet), Math.ceil(fleet / 2));',
    'return 0;',
  ),
  mutant(
    'strategies/shift.ts',
    'a full shift leaves both colors at 0',
    '(sum) => ({ live: 0, idle: sum ?? whole })',
    '(sum) => ({ live: 0, idle: 0 * (sum ?? whole) })',
  ),
  mutant(
    'strategies/blue-green.ts',
    'the way back leaves the weights',
    '.filter(({ service, idle }) => idle > 0 && canTakeBack(plan, seen, fleet, service))',
    '.filter(({ service, idle }) => idle > 999 && canTakeBack(plan, seen, fleet, service))',
  ),
  mutant(
    'strategies/standing.ts',
    'both sets of instances are one',
    "return plan.layout.is === 'instances' ? fleet.filter((instance) => instance.color === color) : fleet;",
    'return fleet;',
  ),
  mutant(
    'operations/present.ts',
    'the live color is guessed',
    "lives.set(b > 0 ? 'blue' : 'green', route.name);",
    "lives.set('green', route.name);",
  ),
  // Identity
  mutant(
    'strategies/standing.ts',
    'containers of the other color count too',
    'running.find((c) => c.ours?.service === service.service && c.ours.color === color.color) ??',
    'running.find((c) => c.ours?.service === service.service) ??',
  ),
  mutant(
    'domain/plan.ts',
    'the way back wants the new release',
    "return plan.aim.to === 'new' ? service.to : service.from;",
    'return service.to;',
  ),
  // Fences, lease, record
  mutant('operations/drive.ts', 'all commands have one fence', 'this.#send++]', 'this.#send]'),
  mutant('operations/drive.ts', 'the fence has no generation', '[this.#generation, this.#epoch', '[1, this.#epoch'),
  mutant(
    'state/lease.ts',
    'a holder does not look for a higher generation',
    'if (higher !== undefined && higher.generation > this.generation) this.#loseTo(higher);',
    '',
  ),
  // What a resume or a second process gets wrong
  mutant(
    'state/lease-view.ts',
    'a holder that is seen once is taken for dead',
    'seen.until - seen.since >= (lease?.ttl ?? this.#ttl)',
    'seen.until - seen.since >= 0',
  ),
  mutant(
    'operations/rollout.ts',
    'a rollout begins over an unfinished one',
    "  if (unfinished !== undefined) throw unfinishedError(box, unfinished, { is: 'free', generation: 0 });",
    "  if (unfinished?.generation === 0) throw unfinishedError(box, unfinished, { is: 'free', generation: 0 });",
  ),
  mutant(
    'operations/plan.ts',
    'a resume forgets that it was on the way back',
    'aim: record.aim,',
    "aim: { to: 'new', epoch: 0 },",
  ),
  // The truth
  mutant(
    'operations/endings.ts',
    'no outcome is stored',
    'await keeper.writeOutcome(\n        outcomeRecord(result.plan, result, outcome, servingAfter(result.plan, result.outcome), now),\n      );\n',
    '',
  ),
  mutant(
    'operations/endings.ts',
    'the record says the new release serves after a way back',
    "    case 'rolled-back':\n      return plan.from.id;",
    "    case 'rolled-back':\n      return plan.to.id;",
  ),
  mutant(
    'operations/endings.ts',
    'a way back is called a success',
    "    case 'rolled-back':\n      return EXIT.rolledBack;",
    "    case 'rolled-back':\n      return EXIT.done;",
  ),
  mutant(
    'operations/rollout.ts',
    'nothing to do is done again',
    "if (isReached(prepared)) return nothingToDo(plan, 'the release is live everywhere already', warnings);",
    '',
  ),
  mutant(
    'strategies/rolling.ts',
    'a rollout with a bad instance is a success',
    'return failing(plan, seen, now, fleet, work.bad);',
    "return { is: 'done', outcome: 'succeeded', reason: 'good enough' };",
  ),
  // Capacity, health and the way back
  mutant(
    'strategies/amounts.ts',
    'the window is the whole fleet, and the minimum with it',
    'return Math.max(1, Math.min(wanted, total));',
    'return wanted < 0 ? 1 : total;',
  ),
  mutant(
    'strategies/standing.ts',
    'registered counts as healthy',
    "      return warming(now, { ...base, until }, 'registered; waits for its first health check by the load balancer');",
    "      return { ...base, place: 'serving' };",
  ),
  mutant(
    'strategies/in-place.ts',
    'what came back a moment ago counts as capacity',
    'window, standings, fresh.length)',
    'window, standings, 0)',
  ),
  mutant(
    'engine/act.ts',
    'nothing is kept for the way back',
    'release, spec, keep: plan.keep };',
    'release, spec, keep: 0 };',
  ),
  mutant(
    'strategies/work.ts',
    'the way back starts from the image, as a rollout does',
    "is: plan.aim.to === 'old' || plan.kind === 'rollback' ? 'restore' : 'start',",
    "is: plan.deadline < 0 ? 'restore' : 'start',",
  ),
  mutant(
    'strategies/shift.ts',
    'only one route of a service is shifted',
    '    for (const route of service.routes) {\n      const pair',
    '    for (const route of service.routes.slice(0, 1)) {\n      const pair',
  ),
  mutant(
    'strategies/shift.ts',
    'the way back gives the traffic to the new color',
    '(sum) => ({ live: sum ?? whole, idle: 0 })',
    '(sum) => ({ live: 0, idle: sum ?? whole })',
  ),
  mutant(
    'strategies/in-place.ts',
    'an instance that is out of the load balancer is given up',
    "    case 'unverified':\n    case 'quiet':\n      return standing.free ? { actions: [startOf(plan, standing)], waits: [] } : wait;",
    "    case 'unverified':\n    case 'quiet':\n      return { actions: [], waits: [] };",
  ),
  mutant(
    'engine/loop.ts',
    'the record does not say that it goes back',
    'generation: this.#plan.generation, aim: this.#plan.aim };',
    'generation: this.#plan.generation, aim: this.#record.aim };',
  ),
  mutant('state/acquire.ts', 'the generation does not go up', 'generation: highest + 1,', 'generation: highest,'),
  // Other hands, and what an environment may have
  mutant(
    'strategies/index.ts',
    'traffic stays on a color without a healthy target',
    'restoreTraffic(plan, seen, now) ??',
    '',
  ),
  mutant(
    'strategies/outage.ts',
    'traffic is moved to the empty color',
    '.map((pair) => allTo(plan, pair, healthy));',
    '.map((pair) => allTo(plan, pair, empty));',
  ),
  mutant(
    'strategies/outage.ts',
    'targets that cannot be read count as none',
    "if (reading === undefined) return 'unsure';",
    "if (reading === undefined) return 'none';",
  ),
  mutant(
    'strategies/return.ts',
    'what served is not brought back where nobody is served',
    "if (!canReturn(service) || healthOf(seen, service, service.live) !== 'none') return nothing;",
    'if (plan.deadline > 0) return nothing;',
  ),
  mutant(
    'strategies/rolling.ts',
    'weights that moved meanwhile stay where they are',
    'if (moved.length === 0 && !dry) return undefined;',
    'if (moved.length < 999 && !dry) return undefined;',
  ),
  mutant(
    'strategies/rolling.ts',
    'stickiness that an outage has turned off stays off',
    'const borrowed = giveStickinessBack(plan, seen, now);',
    'const borrowed = plan.deadline < 0 ? giveStickinessBack(plan, seen, now) : undefined;',
  ),
  mutant(
    'strategies/blue-green.ts',
    'stickiness of the shift stays on',
    'const borrowed = giveStickinessBack(plan, seen, now);',
    'const borrowed = plan.deadline < 0 ? giveStickinessBack(plan, seen, now) : undefined;',
  ),
  mutant(
    'strategies/shift.ts',
    'the share of a group of somebody else changes',
    'others: othersOfStep(plan, pair),',
    'others: [],',
  ),
  mutant(
    'strategies/waiting.ts',
    'a wait begins anew with each decision',
    'since: this.#waits.get(key)?.since ?? now',
    'since: now',
  ),
  mutant(
    'engine/progress.ts',
    'a change without an effect is sent again at once, for ever',
    "if (now < sent.next) return { is: 'later', at: sent.next };\n    if (sent.times < MOST_WITHOUT_EFFECT || (urgent && now - sent.at >= OUTAGE_AGAIN)) return { is: 'send' };\n    return { is: 'stuck', times: sent.times };",
    "return { is: 'send' };",
  ),
  mutant(
    'operations/present.ts',
    'a color without a healthy target is the live one',
    'return blue === green ? undefined : blue ?',
    'return blue || green ? undefined : blue ?',
  ),
  mutant(
    'operations/plan.ts',
    'a service that runs nowhere is started',
    ' || after.release === NO_RELEASE) return [];',
    ') return [];',
  ),
  mutant(
    'strategies/baking.ts',
    'a gate that fails is passed over',
    "if (verdict.is === 'fail') return",
    "if (verdict.is === 'fail' && plan.deadline < 0) return",
  ),
  mutant(
    'operations/record-keeper.ts',
    'a task that was begun by a process that died is begun again',
    "if (state === 'intended') book.tasks.set(service, { is: 'unknown', why: 'deployctl died while it ran' });",
    "if (state === 'intended') book.tasks.set(service, { is: 'none' });",
  ),
  mutant(
    'strategies/drain.ts',
    'a drain is over although somebody is connected',
    'last?.open === 0 &&',
    'last !== undefined &&',
  ),
  // Instances that come and go, and what is stored
  mutant(
    'strategies/foreign.ts',
    'targets that the fleet does not cover are passed over',
    "if (plan.how.is === 'retire') return decision;",
    'if (plan.deadline > 0) return decision;',
  ),
  mutant(
    'strategies/foreign.ts',
    'targets of others are deregistered, whatever the configuration says',
    "if (plan.foreignTargets === 'deregister') {",
    'if (plan.deadline > 0) {',
  ),
  mutant(
    'strategies/foreign.ts',
    'the last healthy target of a group is deregistered, because it is foreign',
    'return healthyIn(seen, color, membersOf(plan, fleet, color.color)) > 0;',
    'return healthyIn(seen, color, membersOf(plan, fleet, color.color)) >= 0;',
  ),
  mutant('state/damage.ts', 'one damaged record stops everything', 'damaged.push(damageOf(error));', 'throw error;'),
];
