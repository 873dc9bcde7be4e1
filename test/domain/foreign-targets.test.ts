import { describe, expect, it } from 'vitest';
import { foreignTargets, foreignText } from '../../src/domain/foreign-targets.js';
import type { TargetKey } from '../../src/domain/ids.js';
import type { TargetState } from '../../src/domain/observation.js';
import { instanceOf, ports, servicePlan, twoSets } from '../_helpers/plan.js';

const backend = servicePlan('backend');
const blue = 'arn:tg/backend-blue';

type Target = { readonly state: TargetState; readonly reason?: string };

/** What is foreign of these targets of backend blue. */
function found(
  targets: Readonly<Record<TargetKey, Target>>,
  fleet = [instanceOf(1), instanceOf(2)],
  layout = ports,
): readonly string[] {
  const held = new Map(Object.entries(targets) as [TargetKey, Target][]);
  const all = foreignTargets([backend], layout, fleet, (group) => (group === blue ? held : undefined));
  return all.map((each) => `${each.kind} ${foreignText(each)}`);
}

const healthy = { state: 'healthy' } as const;

describe('targets of a group, compared with fleet × port', () => {
  it('those of the fleet on the configured port are its own, whatever their state', () => {
    expect(found({ 'i-00000001:8080': healthy, 'i-00000002:8080': { state: 'unhealthy' } })).toEqual([]);
  });

  it('an instance outside of the fleet', () => {
    expect(found({ 'i-00000009:8080': healthy })).toEqual([
      'not-in-fleet i-00000009:8080 (not an instance of the fleet)',
    ]);
  });

  it('one that does not run', () => {
    expect(found({ 'i-00000009:8080': { state: 'unused', reason: 'Target.InvalidState' } })).toEqual([
      'stopped i-00000009:8080 (stopped: it serves its old release when it is started again)',
    ]);
  });

  it('another port', () => {
    expect(found({ 'i-00000001:9000': healthy })).toEqual(['other-port i-00000001:9000 (another port than 8080)']);
  });

  it('the set of the other color', () => {
    const fleet = [instanceOf(1, 'blue'), instanceOf(2, 'green')];
    expect(found({ 'i-00000001:8080': healthy, 'i-00000002:8080': healthy }, fleet, twoSets)).toEqual([
      'other-set i-00000002:8080 (not an instance of the blue set)',
    ]);
  });

  it.each([{ state: 'draining' }, { state: 'absent' }, { state: 'unused', reason: 'Target.NotRegistered' }] as const)(
    'one that has left is none: %o',
    (target) => {
      expect(found({ 'i-00000009:8080': target })).toEqual([]);
    },
  );

  it('a group that nothing forwards to holds its targets all the same', () => {
    expect(found({ 'i-00000009:8080': { state: 'unused', reason: 'Target.NotInUse' } })).toHaveLength(1);
  });
});
