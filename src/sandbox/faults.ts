import type { FaultSpec, Faults } from './types.js';

interface Armed {
  readonly spec: FaultSpec;
  left: number;
}

function isKind<K extends FaultSpec['kind']>(spec: FaultSpec, kind: K): spec is Extract<FaultSpec, { kind: K }> {
  return spec.kind === kind;
}

/** Faults that were asked for and not used up yet, oldest first. `list()` reports how many hits are left in `times`. */
export function createFaults(): Faults {
  let armed: Armed[] = [];
  return {
    take(kind, match) {
      for (const one of armed) {
        const { spec } = one;
        if (!isKind(spec, kind) || !match(spec)) {
          continue;
        }
        one.left -= 1;
        if (one.left <= 0) {
          armed = armed.filter((other) => other !== one);
        }
        return spec;
      }
      return undefined;
    },
    add(spec) {
      const left = 'times' in spec && spec.times !== undefined ? spec.times : Number.POSITIVE_INFINITY;
      if (left > 0) {
        armed.push({ spec, left });
      }
    },
    clear() {
      armed = [];
    },
    list() {
      return armed.map(({ spec, left }) => (Number.isFinite(left) ? { ...spec, times: left } : spec));
    },
  };
}
