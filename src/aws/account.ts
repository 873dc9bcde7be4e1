import type { Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import { isArn, isInstanceId } from '../domain/ids.js';
import type { AccountPort, RouteFacts } from '../engine/ports.js';
import { forwardOf } from './actions.js';
import type { Calls } from './calls.js';
import { allPages, chunks } from './calls.js';
import { listed } from './errors.js';
import { describeInstances } from './fleet.js';
import { describeGroups } from './groups.js';
import { patternsOf, ruleLabel } from './names.js';
import { eachOf } from './parallel.js';
import { proveOf } from './proofs.js';
import type { KnownListener } from './routes.js';
import { createRouteReader } from './routes.js';

/** ELB API reference, DescribeTags: at most 20 resources a call. */
const arnsPerCall = 20;
/** Values that one EC2 filter takes (EC2 API reference, "Filter"). */
const idsPerFilter = 200;
const idleTimeoutKey = 'idle_timeout.timeout_seconds';

/** What is there around the target groups and routes: read when an environment is set up or examined. */
export function createAccount(calls: Calls): AccountPort {
  const reader = createRouteReader(calls);
  return {
    prove: proveOf(calls),

    async balancers(signal) {
      const operation = 'DescribeLoadBalancers';
      const all = await allPages(`elbv2:${operation}`, (token) =>
        calls.elbv2({ operation, use: 'read', signal }, async (sdk, client, options) => {
          const answer = await client.send(new sdk.DescribeLoadBalancersCommand({ Marker: token }), options);
          return {
            items: listed(`elbv2:${operation}`, 'LoadBalancers', answer.LoadBalancers),
            next: answer.NextMarker,
          };
        }),
      );
      return all.flatMap(({ LoadBalancerArn: arn, LoadBalancerName: name, Type: type }) =>
        type === 'application' && arn !== undefined && name !== undefined ? [{ arn, name }] : [],
      );
    },

    async routesOf(loadBalancer, signal) {
      const listeners = await reader.listenersOf(loadBalancer, signal);
      const found = await eachOf(listeners, 4, async (listener) => [
        ...routeOf(listener, undefined, listener.arn),
        ...(await reader.rulesOf(listener.arn, signal)).flatMap(({ arn, rule }) => routeOf(listener, rule, arn)),
      ]);
      return found.flat();
    },

    async groups(signal) {
      const all = await describeGroups(calls, {}, signal);
      return all.flatMap(({ TargetGroupArn: arn, TargetGroupName: name, TargetType: type, LoadBalancerArns: used }) =>
        arn !== undefined && isArn(arn) && name !== undefined && type === 'instance'
          ? [{ arn, name, loadBalancers: used ?? [] }]
          : [],
      );
    },

    async instanceTags(instances, signal) {
      const parts = await eachOf(chunks(instances, idsPerFilter), 2, (part) =>
        describeInstances(calls, [{ Name: 'instance-id', Values: [...part] }], signal),
      );
      return new Map(
        parts
          .flat()
          .flatMap(({ InstanceId: id, Tags: tags }) =>
            id !== undefined && isInstanceId(id)
              ? [[id, Object.fromEntries((tags ?? []).map(({ Key: key, Value: value }) => [key ?? '', value ?? '']))]]
              : [],
          ),
      );
    },

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

/** A listener's default action, or one of its rules, when it forwards to target groups. */
function routeOf(listener: KnownListener, rule: Rule | undefined, route: RouteFacts['route']): readonly RouteFacts[] {
  const forward = forwardOf(rule === undefined ? listener.actions : (rule.Actions ?? []));
  if (forward.is !== 'forward') return [];
  const { paths, hosts, others } = patternsOf(rule?.Conditions ?? []);
  return [
    {
      route,
      name: rule === undefined ? `${listener.label} default` : ruleLabel(listener.label, rule),
      groups: forward.weights.map(({ group }) => group),
      listener: listener.arn,
      loadBalancer: /:listener\/app\/([^/]+)\//.exec(listener.arn)?.[1] ?? '',
      ...(listener.port === undefined ? {} : { port: listener.port }),
      paths,
      hosts,
      others,
    },
  ];
}
