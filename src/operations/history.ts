import type { OutcomeRecord, RolloutRecord } from '../domain/record.js';
import { isUnfinished } from '../state/index.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

export interface HistoryResult {
  readonly schemaVersion: 1;
  readonly app: string;
  readonly environment: string;
  readonly outcomes: readonly OutcomeRecord[];
  readonly unfinished?: RolloutRecord;
}

/** The last rollouts, newest first, each with its reason. */
export async function history(box: Toolbox, limit: number): Promise<HistoryResult> {
  const [outcomes, records] = await beforeChange(() =>
    Promise.all([box.state.listOutcomes(limit, box.signal), box.state.listRecords(1, box.signal)]),
  );
  const unfinished = records.find(isUnfinished);
  return {
    schemaVersion: 1,
    app: box.settings.app,
    environment: box.settings.environment,
    outcomes,
    ...(unfinished === undefined ? {} : { unfinished }),
  };
}
