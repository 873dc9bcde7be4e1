import type { OutcomeRecord, RolloutRecord } from '../domain/record.js';
import { namesOf } from '../state/index.js';
import { nameOf } from './instance-name.js';
import type { Finding } from './preflight.js';
import type { Present } from './present.js';
import type { Survey } from './survey.js';
import type { Toolbox } from './toolbox.js';

/** What the world says of earlier rollouts. */
interface Traces {
  readonly seen: Survey;
  readonly outcomes: readonly OutcomeRecord[];
  readonly present: Present;
  readonly unfinished?: RolloutRecord | undefined;
}

/**
 * What deployctl had stored of the environment and is gone from Parameter Store, as far as the instances show it, and what that means. Nothing of it keeps a
 * rollout or a rollback from working.
 * @param passed what the instances followed when this operation took the lease above it, 0 where it did not have to; absent: no lease was taken, and the
 *   instances' own words count
 */
export async function lossesOf(box: Toolbox, traces: Traces, passed: number | undefined): Promise<readonly Finding[]> {
  const told = `the instances followed generation ${String(passed)}`;
  const ahead = passed === undefined ? await aheadOf(box, traces) : passed > 0 ? told : undefined;
  const started = [...traces.seen.containers.values()].flat().some(({ ours }) => ours !== undefined);
  const isForgotten = started && traces.outcomes.length === 0;
  const { recreated } = traces.present;
  if (ahead === undefined && !isForgotten && recreated.length === 0) return [];

  const [records, claims] = await Promise.all([box.state.listRecords(1, box.signal), box.state.ownClaims(box.signal)]);
  // The first rollout that is under way, or was interrupted, has a record, and no outcome yet.
  const isFirst = records[0]?.endedAt === undefined && records.length > 0 && claims.length > 0;
  if (ahead === undefined && recreated.length === 0 && isFirst) return [];
  const gone: string[] = [];
  if (ahead !== undefined) gone.push('leases');
  if (traces.outcomes.length === 0) gone.push('the history, and with it the target of a plain rollback');
  if (records.length === 0) gone.push('the records of rollouts, so that none can be resumed');
  for (const { service, release } of recreated)
    gone.push(
      `release ${release}, which ${service} runs: it is taken from its container, with the settings of deployctl.yml`,
    );
  if (claims.length === 0)
    gone.push('the claims on target groups, routes and ports: they are made again by the next change');
  const { app, environment } = box.settings;
  const path = namesOf(app, environment).base;
  const why = ahead === undefined ? '' : ` (${ahead})`;
  return [
    {
      level: 'warn',
      text: `Parameter Store has lost what deployctl stored below ${path}${why}: ${gone.join('; ')}. Deleted, restored from an older copy, or an instance comes from an image of another installation`,
      fix: `aws ssm get-parameters-by-path --path ${path} --recursive --query 'Parameters[].Name'   # what is left; deployctl goes on without the rest`,
    },
  ];
}

/** `shop-1 (i-…) followed generation 31, and …`, where an instance followed one that the store does not know. */
async function aheadOf(box: Toolbox, { seen, outcomes, unfinished }: Traces): Promise<string | undefined> {
  let highest = 0;
  let who = '';
  for (const instance of seen.fleet) {
    const generation = seen.facts.get(instance.id)?.fence?.[0] ?? 0;
    if (generation > highest) [highest, who] = [generation, nameOf(instance)];
  }
  // As a rule what was read already tells, and nothing more is asked.
  const read = Math.max(unfinished?.generation ?? 0, ...outcomes.map(({ generation }) => generation));
  if (highest <= read) return undefined;
  const known = await box.state.highestGeneration(box.signal);
  return highest <= known
    ? undefined
    : `${who} followed generation ${String(highest)}, and the highest that is stored is ${String(known)}`;
}
