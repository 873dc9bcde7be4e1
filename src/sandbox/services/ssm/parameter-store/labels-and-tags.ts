import { z } from 'zod';
import { AwsError } from '../../../types.js';
import { integer, listOf, readInput, text } from '../input.js';
import { TAGS } from './put.js';
import type { Parameter, ParameterTable } from './store.js';
import { latest } from './store.js';

const MAX_LABELS = 10;
const MAX_TAGS = 50;

const LABEL = z.object({
  Name: text(1, 2048),
  ParameterVersion: integer(1, Number.MAX_SAFE_INTEGER).optional(),
  Labels: listOf(z.string(), 1, MAX_LABELS),
});
const RESOURCE = { ResourceType: text(1, 40), ResourceId: text(1, 2048) };
const ADD_TAGS = z.object({ ...RESOURCE, Tags: TAGS });
const REMOVE_TAGS = z.object({ ...RESOURCE, TagKeys: listOf(text(1, 128), 0, 1000) });
const LIST_TAGS = z.object(RESOURCE);

/** LabelParameterVersion: moves labels to a version without asking; bad labels come back with HTTP 200. */
export function labelParameterVersion(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(LABEL, params);
  const parameter = table.get(input.Name);
  const wanted = input.ParameterVersion;
  const version = wanted === undefined ? latest(parameter) : parameter.versions.find((one) => one.version === wanted);
  if (version === undefined) {
    throw new AwsError(
      'ParameterVersionNotFound',
      `Systems Manager could not find version ${String(wanted)} of ${parameter.name}. Verify the version and try again.`,
    );
  }
  const valid = input.Labels.filter(isLabel);
  if (new Set([...version.labels, ...valid]).size > MAX_LABELS) {
    throw new AwsError(
      'ParameterVersionLabelLimitExceeded',
      `Version ${version.version} of ${parameter.name} would have more than ${MAX_LABELS} labels.`,
    );
  }
  for (const label of valid) {
    parameter.versions.forEach((one) => one.labels.delete(label));
    version.labels.add(label);
  }
  return { InvalidLabels: input.Labels.filter((label) => !isLabel(label)), ParameterVersion: version.version };
}

export function addTags(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(ADD_TAGS, params);
  const { tags } = resource(table, input.ResourceType, input.ResourceId);
  const keys = new Set([...tags.keys(), ...input.Tags.map(({ Key }) => Key)]);
  if (keys.size > MAX_TAGS) {
    throw new AwsError(
      'TooManyTagsError',
      `${input.ResourceId} would have ${keys.size} tags; the limit is ${MAX_TAGS}.`,
    );
  }
  for (const { Key, Value } of input.Tags) {
    tags.set(Key, Value);
  }
  return {};
}

export function removeTags(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(REMOVE_TAGS, params);
  const { tags } = resource(table, input.ResourceType, input.ResourceId);
  input.TagKeys.forEach((key) => tags.delete(key));
  return {};
}

export function listTags(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(LIST_TAGS, params);
  const { tags } = resource(table, input.ResourceType, input.ResourceId);
  return { TagList: [...tags].map(([Key, Value]) => ({ Key, Value })) };
}

function resource(table: ParameterTable, type: string, id: string): Parameter {
  if (type !== 'Parameter') {
    throw new AwsError('InvalidResourceType', `resource type ${type} is not known here; the sandbox tags Parameter`);
  }
  const parameter = table.find(id);
  if (parameter === undefined) {
    throw new AwsError('InvalidResourceId', `The resource ID "${id}" is not valid. Verify the ID and try again.`);
  }
  return parameter;
}

/** Letters, digits, `.-_`, up to 100; not starting with a digit, "aws" or "ssm" (guide, "Parameter labels"). */
function isLabel(label: string): boolean {
  return /^[a-zA-Z_.-][a-zA-Z0-9_.-]{0,99}$/.test(label) && !/^(aws|ssm)/i.test(label);
}
