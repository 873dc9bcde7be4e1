import type { AccountPort } from '../engine/ports.js';
import type { Calls } from './calls.js';
import { chunks } from './calls.js';
import { listed } from './errors.js';
import { eachOf } from './parallel.js';

/** ELB API reference, DescribeTags: at most 20 resources a call. */
const arnsPerCall = 20;
const idleTimeoutKey = 'idle_timeout.timeout_seconds';

/** What is there around the target groups and routes: read when an environment is set up or examined. */
export function createAccount(calls: Calls): AccountPort {
  return {
    async tags(arns, signal) {
      const operation = 'DescribeTags';
      const parts = await eachOf(chunks(arns, arnsPerCall), 2, async (part) => {
        const answer = await calls.elbv2({ operation, use: 'read', signal }, (sdk, client, options) =>
          client.send(new sdk.DescribeTagsCommand({ ResourceArns: [...part] }), options),
        );
        return listed(`elbv2:${operation}`, 'TagDescriptions', answer.TagDescriptions);
      });
      return new Map(
        parts.flat().map(({ ResourceArn: arn, Tags: tags }) => {
          const pairs = (tags ?? []).map(({ Key: key, Value: value }) => [key ?? '', value ?? ''] as const);
          return [arn ?? '', Object.fromEntries(pairs)];
        }),
      );
    },

    async idleTimeout(loadBalancer, signal) {
      const operation = 'DescribeLoadBalancerAttributes';
      const answer = await calls.elbv2({ operation, use: 'read', signal }, (sdk, client, options) =>
        client.send(new sdk.DescribeLoadBalancerAttributesCommand({ LoadBalancerArn: loadBalancer }), options),
      );
      const all = listed(`elbv2:${operation}`, 'Attributes', answer.Attributes);
      // 60: the default of an Application Load Balancer (ELB API reference, LoadBalancerAttribute).
      return Number(all.find(({ Key: key }) => key === idleTimeoutKey)?.Value ?? 60) * 1000;
    },
  };
}
