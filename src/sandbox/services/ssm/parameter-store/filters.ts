import { z } from 'zod';
import { AwsError } from '../../../types.js';
import { listOf, text } from '../input.js';
import { isBelow } from './names.js';
import type { Parameter } from './store.js';
import { latest } from './store.js';

export const STRING_FILTERS = listOf(
  z.object({
    Key: text(1, 132),
    Option: text(1, 10).optional(),
    Values: listOf(text(1, 1024), 0, 50).optional(),
  }),
  0,
  10,
);
export type StringFilters = z.output<typeof STRING_FILTERS>;

/** Whether a parameter passes all filters. @throws AwsError InvalidFilterKey, InvalidFilterOption */
export function passesFilters(parameter: Parameter, filters: StringFilters): boolean {
  return filters.every(({ Key, Option, Values }) => passes(parameter, Key, Option ?? 'Equals', Values ?? []));
}

function passes(parameter: Parameter, key: string, option: string, values: readonly string[]): boolean {
  if (key.startsWith('tag:')) {
    const value = parameter.tags.get(key.slice('tag:'.length));
    return value !== undefined && (values.length === 0 || compare(value, option, values));
  }
  if (key === 'Path') {
    const path = option === 'Equals' ? 'OneLevel' : option;
    if (path !== 'OneLevel' && path !== 'Recursive') {
      throw new AwsError('InvalidFilterOption', `option ${option} is not known for Path; use OneLevel or Recursive`);
    }
    return values.some((value) => isBelow(parameter.name, value, path === 'Recursive'));
  }
  const version = latest(parameter);
  switch (key) {
    case 'Name':
      return compare(parameter.name, option, values);
    case 'Type':
      return compare(version.type, option, values);
    case 'Tier':
      return compare(version.tier, option, values);
    case 'DataType':
      return compare(version.dataType, option, values);
    case 'KeyId':
      return version.keyId !== undefined && compare(version.keyId, option, values);
    case 'Label':
      return parameter.versions.some((one) => values.some((label) => one.labels.has(label)));
    default:
      throw new AwsError(
        'InvalidFilterKey',
        `filter ${key} is not valid; use Name, Path, Type, Tier, DataType, KeyId, Label or tag:NAME`,
      );
  }
}

function compare(seen: string, option: string, values: readonly string[]): boolean {
  switch (option) {
    case 'Equals':
      return values.includes(seen);
    case 'BeginsWith':
      return values.some((value) => seen.startsWith(value) || seen.startsWith(`/${value}`));
    case 'Contains':
      return values.some((value) => seen.includes(value));
    default:
      throw new AwsError('InvalidFilterOption', `option ${option} is not valid; use Equals, BeginsWith or Contains`);
  }
}
