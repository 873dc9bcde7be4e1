import type { Damage, Past } from '../state/index.js';
import type { Finding } from './preflight.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

/** What is stored of earlier rollouts, as far as it can be read. */
export function pastOf(box: Toolbox): Promise<Past> {
  return beforeChange(() => box.state.past(box.signal));
}

export const damageText = ({ name, why }: Damage): string => `the parameter ${name} cannot be read: ${why}`;

/** How to get an earlier version back: a parameter that was deleted has none. Deleting is for what nothing needs. */
export const restoreFix = ({ name, missing }: Damage): string =>
  missing === true
    ? `create it again from a copy of its value (aws ssm put-parameter --name ${name} --type String --value file://FILE): Parameter Store keeps no versions of a deleted parameter`
    : `restore it (aws ssm get-parameter-history --name ${name} has its earlier versions), or, if it is of no use: aws ssm delete-parameter --name ${name}`;

/** Records that cannot be read and that nothing needs: named, and skipped. */
export function damageFindings({ damaged, open, unclear }: Past): readonly Finding[] {
  return damaged
    .filter((damage) => !open.some(({ name }) => name === damage.name))
    .map((damage) => {
      const rest = damage === unclear ? '. It is the newest outcome: what serves is taken from what is observed' : '';
      return { level: 'warn', text: `${damageText(damage)}${rest}`, fix: restoreFix(damage) };
    });
}

/** Records that may be of a rollout that has not ended: nothing new begins beside it. */
export function openFindings(box: Pick<Toolbox, 'settings'>, { open }: Past): readonly Finding[] {
  return open.map((damage) => ({
    level: 'refuse',
    text: `${damageText(damage)}. ${damage.rollout} may not have ended, and nothing else says what it was doing`,
    fix: `deployctl rollback --env ${box.settings.environment}   # restores what served before, from what is observed. Or ${restoreFix(damage)}`,
  }));
}
