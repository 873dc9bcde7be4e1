import { z } from 'zod';
import { AwsError } from '../../types.js';
import { actionSchema, describeActions, parseActions } from './actions.js';
import { changeAttributes, describeAttributes, listenerAttributes, loadBalancerAttributes } from './attributes.js';
import type { Listener, LoadBalancer } from './model.js';
import { keyValues, listOf, optionalListOf, page, paging, read, validationError } from './params.js';
import { checkForward } from './rules.js';
import type { Elbv2Store } from './store.js';
import { defaultRuleOf, needListener, needLoadBalancer } from './store.js';

type Params = Record<string, unknown>;
type Answer = Record<string, unknown>;

function describeLoadBalancer(loadBalancer: LoadBalancer): Answer {
  return {
    LoadBalancerArn: loadBalancer.arn,
    DNSName: loadBalancer.dnsName,
    CanonicalHostedZoneId: 'Z32O12XQLNTSW2',
    CreatedTime: loadBalancer.createdAt,
    LoadBalancerName: loadBalancer.name,
    Scheme: 'internet-facing',
    VpcId: loadBalancer.vpcId,
    State: { Code: 'active' },
    Type: 'application',
    AvailabilityZones: loadBalancer.zones.map((zone) => ({
      ZoneName: zone.name,
      SubnetId: zone.subnetId,
      LoadBalancerAddresses: [],
    })),
    SecurityGroups: [],
    IpAddressType: 'ipv4',
  };
}

export function describeLoadBalancers(store: Elbv2Store, params: Params): Answer {
  const wanted = read(z.object({ LoadBalancerArns: listOf(z.string()), Names: listOf(z.string()), ...paging }), params);
  const all = [...store.loadBalancers.values()];
  const named = wanted.Names.map((name) => {
    const found = all.find((one) => one.name === name);
    if (found === undefined) {
      throw new AwsError('LoadBalancerNotFound', `Load balancers '[${name}]' not found`);
    }
    return found;
  });
  const byArn = wanted.LoadBalancerArns.map((arn) => needLoadBalancer(store, arn));
  const chosen = [...named, ...byArn];
  const everything = wanted.Names.length + wanted.LoadBalancerArns.length === 0;
  const { items, NextMarker } = page(everything ? all : chosen, wanted);
  return { LoadBalancers: items.map(describeLoadBalancer), NextMarker };
}

export function describeLoadBalancerAttributes(store: Elbv2Store, params: Params): Answer {
  const { LoadBalancerArn: arn } = read(z.object({ LoadBalancerArn: z.string() }), params);
  return { Attributes: describeAttributes(needLoadBalancer(store, arn).attributes) };
}

export function modifyLoadBalancerAttributes(store: Elbv2Store, params: Params): Answer {
  const wanted = read(z.object({ LoadBalancerArn: z.string(), Attributes: keyValues }), params);
  const loadBalancer = needLoadBalancer(store, wanted.LoadBalancerArn);
  loadBalancer.attributes = changeAttributes(loadBalancerAttributes, loadBalancer.attributes, wanted.Attributes);
  for (const listener of store.listeners.values()) {
    if (listener.loadBalancerArn === loadBalancer.arn) {
      store.changed({ kind: 'listener', listenerArn: listener.arn });
    }
  }
  return { Attributes: describeAttributes(loadBalancer.attributes) };
}

function describeListener(store: Elbv2Store, listener: Listener): Answer {
  return {
    ListenerArn: listener.arn,
    LoadBalancerArn: listener.loadBalancerArn,
    Port: listener.port,
    Protocol: listener.protocol,
    DefaultActions: describeActions(defaultRuleOf(store, listener.arn).actions),
  };
}

export function describeListeners(store: Elbv2Store, params: Params): Answer {
  const wanted = read(
    z.object({ LoadBalancerArn: z.string().optional(), ListenerArns: listOf(z.string()), ...paging }),
    params,
  );
  const { LoadBalancerArn: loadBalancerArn, ListenerArns: arns } = wanted;
  if ((loadBalancerArn === undefined) === (arns.length === 0)) {
    throw validationError('You must specify either listener ARNs or a load balancer ARN');
  }
  const listeners =
    loadBalancerArn === undefined
      ? arns.map((arn) => needListener(store, arn))
      : [...store.listeners.values()].filter(
          (listener) => listener.loadBalancerArn === needLoadBalancer(store, loadBalancerArn).arn,
        );
  const { items, NextMarker } = page(listeners, wanted);
  return { Listeners: items.map((listener) => describeListener(store, listener)), NextMarker };
}

/** ModifyListener replaces the default rule's actions as a whole. Port and protocol belong to the open socket: they stay. */
export function modifyListener(store: Elbv2Store, params: Params): Answer {
  const wanted = read(
    z.object({
      ListenerArn: z.string(),
      Port: z.coerce.number().optional(),
      Protocol: z.string().optional(),
      DefaultActions: optionalListOf(actionSchema),
    }),
    params,
  );
  const listener = needListener(store, wanted.ListenerArn);
  if (
    (wanted.Port ?? listener.port) !== listener.port ||
    (wanted.Protocol ?? listener.protocol) !== listener.protocol
  ) {
    throw new AwsError(
      'UnsupportedProtocol',
      `this sandbox's listener stays ${listener.protocol}:${listener.port}; leave Port and Protocol out`,
    );
  }
  if (wanted.DefaultActions !== undefined) {
    const rule = defaultRuleOf(store, listener.arn);
    const actions = parseActions(wanted.DefaultActions, rule.actions);
    checkForward(store, actions);
    rule.actions = actions;
    store.changed({ kind: 'listener', listenerArn: listener.arn });
  }
  return { Listeners: [describeListener(store, listener)] };
}

export function describeListenerAttributes(store: Elbv2Store, params: Params): Answer {
  const { ListenerArn: arn } = read(z.object({ ListenerArn: z.string() }), params);
  return { Attributes: describeAttributes(needListener(store, arn).attributes) };
}

export function modifyListenerAttributes(store: Elbv2Store, params: Params): Answer {
  const wanted = read(z.object({ ListenerArn: z.string(), Attributes: keyValues }), params);
  const listener = needListener(store, wanted.ListenerArn);
  listener.attributes = changeAttributes(listenerAttributes, listener.attributes, wanted.Attributes);
  return { Attributes: describeAttributes(listener.attributes) };
}
