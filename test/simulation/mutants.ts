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
    'stops what still drains',
    "if (target.state === 'draining') {",
    "if (target.state === 'draining' && plan.deadline < 0) {",
  ),
  mutant(
    'strategies/standing.ts',
    'stops before it deregisters',
    "  if (isRegistered(target)) return { ...base, place: 'old' };\n",
    '',
  ),
  mutant(
    'strategies/standing.ts',
    'an unhealthy target counts as not registered',
    "if (target.state === 'absent' || target.state === 'draining') return false;",
    "if (target.state === 'absent' || target.state === 'draining' || target.state === 'unhealthy') return false;",
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
    "return seen?.is !== 'known' || weightIn(seen.value, group) > 0;",
    'return seen === undefined;',
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
    "    case 'draining':\n    case 'swapping':\n    case 'warming':\n      return wait;",
    "    case 'draining':\n      return standing.free ? { actions: [startOf(plan, standing)], waits: [] } : wait;\n    case 'swapping':\n    case 'warming':\n      return wait;",
  ),
  mutant('strategies/baking.ts', 'no bake', 'const over = now >= end;', 'const over = now > 0;'),
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
  mutant('strategies/in-place.ts', 'the floor is forgotten', 'if (costs > 0 && spare <= 0) break;', ''),
  mutant(
    'strategies/amounts.ts',
    'the floor is 0',
    'return Math.max(fleet - atMost(how.maxParallel, fleet), Math.ceil(fleet / 2));',
    'return 0;',
  ),
  mutant(
    'strategies/amounts.ts',
    'a full shift leaves both colors at 0',
    'return { live: 0, idle: total };',
    'return { live: 0, idle: 0 };',
  ),
  mutant(
    'strategies/blue-green.ts',
    'the way back leaves the weights',
    'const moved = pairs.filter((pair) => pair.idle > 0 && canReturn(pair.service));',
    'const moved = pairs.filter((pair) => pair.idle > 999 && canReturn(pair.service));',
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
    "lives.add(b > 0 ? 'blue' : 'green');",
    "lives.add('green');",
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
  // Unknown is not absent
  // Fences, lease, record
  mutant('operations/drive.ts', 'all commands have one fence', 'this.#send++]', 'this.#send]'),
  mutant('operations/drive.ts', 'the fence has no generation', '[this.#generation, this.#epoch', '[1, this.#epoch'),
  mutant(
    'state/lease.ts',
    'a holder does not look for a higher generation',
    'if (higher !== undefined && higher.generation > this.generation) this.#loseTo(higher);',
    '',
  ),
  // The truth
  // Time
];
