import { z } from 'zod';
import { AwsError } from '../../types.js';
import { keyValues, listOf, read, validationError } from './params.js';
import type { Elbv2Store } from './store.js';
import { needGroup, needListener, needLoadBalancer, needRule } from './store.js';

type Params = Record<string, unknown>;
type Answer = Record<string, unknown>;

const arns = listOf(z.string());
const maxArns = 20;

/** Refuses an ARN of nothing with the error of its kind. */
function checkArn(store: Elbv2Store, arn: string): void {
  if (arn.includes(':targetgroup/')) {
    needGroup(store, arn);
  } else if (arn.includes(':listener-rule/')) {
    needRule(store, arn);
  } else if (arn.includes(':listener/')) {
    needListener(store, arn);
  } else if (arn.includes(':loadbalancer/')) {
    needLoadBalancer(store, arn);
  } else {
    throw validationError(`'${arn}' is not a valid ARN of a load balancer, target group, listener or rule`);
  }
}

function readArns(store: Elbv2Store, list: readonly string[]): void {
  if (list.length === 0 || list.length > maxArns) {
    throw validationError(`ResourceArns must have 1 to ${maxArns} members; it has ${list.length}`);
  }
  for (const arn of list) {
    checkArn(store, arn);
  }
}

export function describeTags(store: Elbv2Store, params: Params): Answer {
  const { ResourceArns: list } = read(z.object({ ResourceArns: arns }), params);
  readArns(store, list);
  return {
    TagDescriptions: list.map((arn) => ({
      ResourceArn: arn,
      Tags: [...(store.tags.get(arn) ?? [])].map(([Key, Value]) => ({ Key, Value })),
    })),
  };
}

export function addTags(store: Elbv2Store, params: Params): Answer {
  const wanted = read(z.object({ ResourceArns: arns, Tags: keyValues }), params);
  readArns(store, wanted.ResourceArns);
  const added = wanted.Tags.map((tag): [string, string] => [tag.Key, tag.Value]);
  for (const arn of wanted.ResourceArns) {
    const next = new Map([...(store.tags.get(arn) ?? []), ...added]);
    if (next.size > 50) {
      throw new AwsError('TooManyTags', `A resource may have 50 tags; ${arn} would have ${next.size}`);
    }
    store.tags.set(arn, next);
  }
  return {};
}

export function removeTags(store: Elbv2Store, params: Params): Answer {
  const wanted = read(z.object({ ResourceArns: arns, TagKeys: listOf(z.string()) }), params);
  readArns(store, wanted.ResourceArns);
  for (const arn of wanted.ResourceArns) {
    store.tags.set(arn, new Map([...(store.tags.get(arn) ?? [])].filter(([key]) => !wanted.TagKeys.includes(key))));
  }
  return {};
}
