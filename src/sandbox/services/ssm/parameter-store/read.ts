import { z } from 'zod';
import { AwsError } from '../../../types.js';
import { integer, listOf, readInput, text } from '../input.js';
import { page, tokenFor } from '../paging.js';
import { passesFilters, STRING_FILTERS } from './filters.js';
import { isBelow } from './names.js';
import type { Parameter, ParameterTable } from './store.js';
import { latest, parameterAnswer, shownValue } from './store.js';

const GET = z.object({ Name: text(1, 2048), WithDecryption: z.boolean().optional() });
const GET_MANY = z.object({ Names: listOf(text(1, 2048), 1, 10), WithDecryption: z.boolean().optional() });
const BY_PATH = z.object({
  Path: text(1, 2048),
  Recursive: z.boolean().optional(),
  ParameterFilters: STRING_FILTERS.optional(),
  WithDecryption: z.boolean().optional(),
  MaxResults: integer(1, 10).optional(),
  NextToken: z.string().optional(),
});
const HISTORY = z.object({
  Name: text(1, 2048),
  WithDecryption: z.boolean().optional(),
  MaxResults: integer(1, 50).optional(),
  NextToken: z.string().optional(),
});
const DESCRIBE = z.object({
  ParameterFilters: STRING_FILTERS.optional(),
  Filters: listOf(z.object({ Key: text(1, 132), Values: listOf(text(1, 1024), 1, 50) }), 0, 10).optional(),
  MaxResults: integer(1, 50).optional(),
  NextToken: z.string().optional(),
});

/** GetParameter: `name`, `name:version` or `name:label`. */
export function getParameter(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(GET, params);
  return { Parameter: parameterAnswer(table, table.select(input.Name), input.WithDecryption === true) };
}

/** GetParameters: what can't be found comes back in `InvalidParameters`, with HTTP 200. */
export function getParameters(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(GET_MANY, params);
  const found: Record<string, unknown>[] = [];
  const missing: string[] = [];
  for (const name of new Set(input.Names)) {
    try {
      found.push(parameterAnswer(table, table.select(name), input.WithDecryption === true));
    } catch (error) {
      if (!(error instanceof AwsError)) {
        throw error;
      }
      missing.push(name);
    }
  }
  return { Parameters: found, InvalidParameters: missing };
}

/**
 * GetParametersByPath. A page may hold "between zero and MaxResults" items and still have a token (SSM API): when
 * `emptyFirstPage` says so, the first page is such a one.
 */
export function getParametersByPath(
  table: ParameterTable,
  params: Record<string, unknown>,
  emptyFirstPage: () => boolean,
): Record<string, unknown> {
  const input = readInput(BY_PATH, params);
  if (!input.Path.startsWith('/')) {
    throw new AwsError(
      'ValidationException',
      `The parameter path ${input.Path} must be prefixed with "/" and be a hierarchy, for example /shop/production`,
    );
  }
  if (input.NextToken === undefined && emptyFirstPage()) {
    return { Parameters: [], NextToken: tokenFor('GetParametersByPath', 0) };
  }
  const all = table
    .all()
    .filter((parameter) => isBelow(parameter.name, input.Path, input.Recursive === true))
    .filter((parameter) => passesFilters(parameter, input.ParameterFilters ?? []));
  const { items, next } = page('GetParametersByPath', all, input.MaxResults ?? 10, input.NextToken);
  return {
    Parameters: items.map((parameter) =>
      parameterAnswer(table, { parameter, version: latest(parameter), selector: '' }, input.WithDecryption === true),
    ),
    ...next,
  };
}

/** GetParameterHistory: kept versions, oldest first. */
export function getParameterHistory(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(HISTORY, params);
  const parameter = table.get(input.Name);
  const { items, next } = page('GetParameterHistory', parameter.versions, input.MaxResults ?? 50, input.NextToken);
  return {
    Parameters: items.map((version) => ({
      ...metadata(parameter, version),
      Value: shownValue(parameter, version, input.WithDecryption === true),
      Labels: [...version.labels],
    })),
    ...next,
  };
}

/** DescribeParameters: everything but the values. */
export function describeParameters(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(DESCRIBE, params);
  const filters = [...(input.ParameterFilters ?? []), ...(input.Filters ?? [])];
  const all = table.all().filter((parameter) => passesFilters(parameter, filters));
  const { items, next } = page('DescribeParameters', all, input.MaxResults ?? 10, input.NextToken);
  return {
    Parameters: items.map((parameter) => ({
      ...metadata(parameter, latest(parameter)),
      ARN: table.arn(parameter.name),
    })),
    ...next,
  };
}

function metadata(parameter: Parameter, version: Parameter['versions'][number]): Record<string, unknown> {
  return {
    Name: parameter.name,
    Type: version.type,
    ...(version.keyId === undefined ? {} : { KeyId: version.keyId }),
    LastModifiedDate: version.modified.getTime() / 1000,
    LastModifiedUser: 'arn:aws:iam::000000000000:user/sandbox',
    ...(version.description === undefined ? {} : { Description: version.description }),
    ...(version.allowedPattern === undefined ? {} : { AllowedPattern: version.allowedPattern }),
    Version: version.version,
    Tier: version.tier,
    Policies: [],
    DataType: version.dataType,
  };
}
