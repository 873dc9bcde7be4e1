import { z } from 'zod';
import { AwsError } from '../../../types.js';
import type { SsmDeps } from '../deps.js';
import type { Operation } from '../index.js';
import { listOf, readInput, text } from '../input.js';
import { addTags, labelParameterVersion, listTags, removeTags } from './labels-and-tags.js';
import { putParameter } from './put.js';
import { describeParameters, getParameter, getParameterHistory, getParameters, getParametersByPath } from './read.js';
import { ParameterTable } from './store.js';

const DELETE = z.object({ Name: text(1, 2048) });
const DELETE_MANY = z.object({ Names: listOf(text(1, 2048), 1, 10) });
/** Every so many-th listing begins with an empty page. */
const EMPTY_PAGE_EVERY = 3;

export interface ParameterStore {
  readonly operations: Readonly<Record<string, Operation>>;
  /** The value for `{{ssm:NAME}}` in a command: String and StringList only, as the agent resolves it. */
  plainValue(name: string): { readonly value: string } | { readonly problem: string };
}

/** Parameter Store, in memory. */
export function createParameterStore(deps: Pick<SsmDeps, 'region' | 'accountId'>): ParameterStore {
  const table = new ParameterTable(deps.region, deps.accountId);
  let listings = 0;
  const emptyFirstPage = (): boolean => ++listings % EMPTY_PAGE_EVERY === 0;
  return {
    operations: {
      PutParameter: (params) => putParameter(table, params),
      GetParameter: (params) => getParameter(table, params),
      GetParameters: (params) => getParameters(table, params),
      GetParametersByPath: (params) => getParametersByPath(table, params, emptyFirstPage),
      GetParameterHistory: (params) => getParameterHistory(table, params),
      DescribeParameters: (params) => describeParameters(table, params),
      LabelParameterVersion: (params) => labelParameterVersion(table, params),
      AddTagsToResource: (params) => addTags(table, params),
      RemoveTagsFromResource: (params) => removeTags(table, params),
      ListTagsForResource: (params) => listTags(table, params),
      DeleteParameter(params) {
        const { Name } = readInput(DELETE, params);
        table.remove(table.get(Name).name);
        return {};
      },
      DeleteParameters(params) {
        const names = [...new Set(readInput(DELETE_MANY, params).Names)];
        const deleted = names.filter((name) => table.remove(name));
        return { DeletedParameters: deleted, InvalidParameters: names.filter((name) => !deleted.includes(name)) };
      },
    },
    plainValue(name) {
      try {
        const { version } = table.select(name);
        return version.type === 'SecureString'
          ? { problem: `parameter ${name} is a SecureString: it can't be used in a command, use String or StringList` }
          : { value: version.value };
      } catch (error) {
        if (error instanceof AwsError) {
          return { problem: `invalid parameter ${name} in the command: it doesn't exist` };
        }
        throw error;
      }
    },
  };
}
