import { z } from 'zod';
import { AwsError } from '../../../types.js';
import { listOf, oneOf, readInput, text } from '../input.js';
import { checkName } from './names.js';
import type { Parameter, ParameterTable, Tier, Version } from './store.js';
import { latest } from './store.js';

const STANDARD_BYTES = 4096;
const ADVANCED_BYTES = 8192;
const KEPT_VERSIONS = 100;

export const TAGS = listOf(z.object({ Key: text(1, 128), Value: text(0, 256) }), 0, 1000);

const PUT = z.object({
  Name: text(1, 2048),
  Description: text(0, 1024).optional(),
  Value: text(1, 1_000_000),
  Type: oneOf(['String', 'StringList', 'SecureString']).optional(),
  KeyId: text(1, 256).optional(),
  Overwrite: z.boolean().optional(),
  AllowedPattern: text(0, 1024).optional(),
  Tags: TAGS.optional(),
  Tier: oneOf(['Standard', 'Advanced', 'Intelligent-Tiering']).optional(),
  DataType: text(0, 128).optional(),
});
type Put = z.output<typeof PUT>;

/**
 * PutParameter: creates version 1, or with Overwrite the next version. One call is one step: of two creators exactly one
 * gets version 1 and the other ParameterAlreadyExists.
 * @returns `{Version, Tier}`
 */
export function putParameter(table: ParameterTable, params: Record<string, unknown>): Record<string, unknown> {
  const input = readInput(PUT, params);
  checkName(input.Name, table.arn(''));
  if (/\{\{.*\}\}/s.test(input.Value)) {
    throw invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.');
  }
  if (input.Overwrite === true && (input.Tags ?? []).length > 0) {
    throw invalid(
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove " +
        'overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.',
    );
  }
  const existing = table.find(input.Name);
  const version = existing === undefined ? created(input) : updated(input, existing);
  if (existing === undefined) {
    const tags = new Map((input.Tags ?? []).map(({ Key, Value }) => [Key, Value]));
    table.add({ name: input.Name, versions: [version], tags });
  } else {
    dropOldest(existing);
    existing.versions.push(version);
  }
  return { Version: version.version, Tier: version.tier };
}

function created(input: Put): Version {
  if (input.Type === undefined) {
    throw invalid('A parameter type is required when you create a parameter.');
  }
  return {
    version: 1,
    value: input.Value,
    type: input.Type,
    tier: tierFor(input, 'Standard'),
    ...described(input, undefined),
    dataType: input.DataType ?? 'text',
    modified: new Date(),
    labels: new Set(),
  };
}

function updated(input: Put, existing: Parameter): Version {
  if (input.Overwrite !== true) {
    throw new AwsError(
      'ParameterAlreadyExists',
      'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    );
  }
  const last = latest(existing);
  if (input.Type !== undefined && input.Type !== last.type) {
    throw new AwsError(
      'HierarchyTypeMismatchException',
      `Parameter Store does not support changing a parameter type in a hierarchy: ${existing.name} is a ${last.type}, not a ${input.Type}.`,
    );
  }
  return {
    version: last.version + 1,
    value: input.Value,
    type: last.type,
    tier: tierFor(input, last.tier),
    ...described(input, last),
    dataType: input.DataType ?? last.dataType,
    modified: new Date(),
    labels: new Set(),
  };
}

/** What an update may leave out stays as it was. */
function described(input: Put, last: Version | undefined): Pick<Version, 'description' | 'allowedPattern' | 'keyId'> {
  const description = input.Description ?? last?.description;
  const allowedPattern = input.AllowedPattern ?? last?.allowedPattern;
  const keyId = input.KeyId ?? last?.keyId ?? (input.Type === 'SecureString' ? 'alias/aws/ssm' : undefined);
  if (allowedPattern !== undefined && allowedPattern !== '' && !new RegExp(allowedPattern).test(input.Value)) {
    throw new AwsError(
      'ParameterPatternMismatchException',
      `Parameter value, cannot be validated against allowedPattern: ${allowedPattern}`,
    );
  }
  return {
    ...(description === undefined ? {} : { description }),
    ...(allowedPattern === undefined ? {} : { allowedPattern }),
    ...(keyId === undefined ? {} : { keyId }),
  };
}

function tierFor(input: Put, current: Tier): Tier {
  const bytes = Buffer.byteLength(input.Value, 'utf8');
  if (input.Tier === 'Standard' && current === 'Advanced') {
    throw invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter " +
        'tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.',
    );
  }
  const grown = input.Tier === 'Intelligent-Tiering' && bytes > STANDARD_BYTES;
  const tier = current === 'Advanced' || input.Tier === 'Advanced' || grown ? 'Advanced' : 'Standard';
  const limit = tier === 'Advanced' ? ADVANCED_BYTES : STANDARD_BYTES;
  if (bytes > limit) {
    const hint =
      tier === 'Advanced'
        ? ''
        : ' To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.';
    throw invalid(`${tier} tier parameters support a maximum parameter value of ${limit} characters.${hint}`);
  }
  return tier;
}

/** 100 versions are kept; one with a label is never dropped, the put fails instead. */
function dropOldest(parameter: Parameter): void {
  const oldest = parameter.versions[0];
  if (oldest === undefined || parameter.versions.length < KEPT_VERSIONS) {
    return;
  }
  if (oldest.labels.size > 0) {
    throw new AwsError(
      'ParameterMaxVersionLimitExceeded',
      `You attempted to create a new version of ${parameter.name} by calling the PutParameter API. Version ` +
        `${oldest.version}, the oldest version, can't be deleted because it has a label associated with it. ` +
        'Move the label to another version of the parameter, and try again.',
    );
  }
  parameter.versions.shift();
}

function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}
