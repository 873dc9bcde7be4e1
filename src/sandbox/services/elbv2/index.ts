import type { Service } from '../../server.js';
import { AwsError } from '../../types.js';
import * as listeners from './listeners.js';
import * as rules from './rules.js';
import type { Elbv2Store } from './store.js';
import * as tags from './tags.js';
import * as groups from './target-groups.js';
import type { Targets } from './targets.js';

type Handler = (store: Elbv2Store, params: Record<string, unknown>) => Record<string, unknown>;

const handlers: Readonly<Record<string, Handler>> = {
  DescribeLoadBalancers: listeners.describeLoadBalancers,
  DescribeLoadBalancerAttributes: listeners.describeLoadBalancerAttributes,
  ModifyLoadBalancerAttributes: listeners.modifyLoadBalancerAttributes,
  DescribeListeners: listeners.describeListeners,
  DescribeListenerAttributes: listeners.describeListenerAttributes,
  ModifyListenerAttributes: listeners.modifyListenerAttributes,
  ModifyListener: listeners.modifyListener,
  DescribeRules: rules.describeRules,
  CreateRule: rules.createRule,
  ModifyRule: rules.modifyRule,
  DeleteRule: rules.deleteRule,
  SetRulePriorities: rules.setRulePriorities,
  DescribeTargetGroups: groups.describeTargetGroups,
  CreateTargetGroup: groups.createTargetGroup,
  ModifyTargetGroup: groups.modifyTargetGroup,
  DeleteTargetGroup: groups.deleteTargetGroup,
  DescribeTargetGroupAttributes: groups.describeTargetGroupAttributes,
  ModifyTargetGroupAttributes: groups.modifyTargetGroupAttributes,
  DescribeTags: tags.describeTags,
  AddTags: tags.addTags,
  RemoveTags: tags.removeTags,
};

/** Elastic Load Balancing v2, as far as it concerns an ALB with instance targets. Unknown calls answer InvalidAction. */
export function createElbv2(store: Elbv2Store, targets: Targets): Service {
  const all: Readonly<Record<string, Handler>> = {
    ...handlers,
    RegisterTargets: (_store, params) => targets.register(params),
    DeregisterTargets: (_store, params) => targets.deregister(params),
    DescribeTargetHealth: (_store, params) => targets.describeHealth(params),
  };
  return async ({ operation, params }) => {
    const handler = Object.hasOwn(all, operation) ? all[operation] : undefined;
    if (handler === undefined) {
      throw new AwsError('InvalidAction', `The action ${operation} is not valid for this web service.`);
    }
    return Promise.resolve(handler(store, params));
  };
}
