import { z } from 'zod';
import type { Fleet } from '../../fleet.js';
import { AwsError } from '../../types.js';
import { instancesById } from './instances.js';
import { filters, listOf, page, passes, read, tags } from './params.js';

const maxTags = 50;

/** CreateTags on instances: overwrites by key. Source: EC2 API reference, CreateTags; EC2 guide, tag restrictions. */
export function createTags(fleet: Fleet, params: Record<string, unknown>): Record<string, unknown> {
  const wanted = read(z.object({ ResourceId: listOf(z.string()), Tag: tags }), params);
  if (wanted.ResourceId.length === 0 || wanted.Tag.length === 0) {
    throw new AwsError('MissingParameter', 'The request must contain the parameters ResourceId and Tag');
  }
  for (const id of wanted.ResourceId) {
    if (!id.startsWith('i-')) {
      throw new AwsError('InvalidID', `The ID '${id}' is not valid: this sandbox tags instances only`);
    }
  }
  const instances = instancesById(fleet, wanted.ResourceId);
  for (const { Key: key, Value: value } of wanted.Tag) {
    if (key.startsWith('aws:')) {
      throw new AwsError(
        'InvalidParameterValue',
        `Tag keys starting with 'aws:' are reserved for internal use: ${key}`,
      );
    }
    if (key.length === 0 || key.length > 128 || value.length > 256) {
      throw new AwsError('InvalidParameterValue', `Tag ${key}: a key has 1 to 128 characters, a value up to 256`);
    }
  }
  const merged = instances.map((instance) => ({
    ...instance.tags,
    ...Object.fromEntries(wanted.Tag.map((tag) => [tag.Key, tag.Value])),
  }));
  if (merged.some((all) => Object.keys(all).length > maxTags)) {
    throw new AwsError('TagLimitExceeded', `The maximum number of Tags for a resource (${maxTags}) has been reached`);
  }
  instances.forEach((instance, index) => {
    fleet.setTags(instance.id, merged[index] ?? {});
  });
  return { return: true };
}

/** DescribeTags: one item a tag of an instance. */
export function describeTags(fleet: Fleet, params: Record<string, unknown>): Record<string, unknown> {
  const wanted = read(
    z.object({
      Filter: filters,
      MaxResults: z.coerce.number().int().min(5).max(1000).optional(),
      NextToken: z.string().optional(),
    }),
    params,
  );
  const all = fleet.list().flatMap((instance) =>
    Object.entries(instance.tags).map(([key, value]) => ({
      resourceId: instance.id,
      resourceType: 'instance',
      key,
      value,
    })),
  );
  const matching = all.filter((tag) =>
    passes(wanted.Filter, (name) => {
      if (name.startsWith('tag:')) {
        return tag.key === name.slice('tag:'.length) ? [tag.value] : [];
      }
      const values: Readonly<Record<string, string>> = {
        'resource-id': tag.resourceId,
        'resource-type': tag.resourceType,
        key: tag.key,
        value: tag.value,
      };
      const value = values[name];
      return value === undefined ? undefined : [value];
    }),
  );
  const { items, nextToken } = page(matching, wanted.MaxResults, wanted.NextToken);
  return { tagSet: items, nextToken };
}
