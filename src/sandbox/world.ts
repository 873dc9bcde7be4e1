import type { FleetReader } from './fleet.js';
import type { Place } from './services/ec2/place.js';
import type { Action } from './services/elbv2/actions.js';
import {
  changeAttributes,
  initialAttributes,
  listenerAttributes,
  loadBalancerAttributes,
  targetGroupAttributes,
} from './services/elbv2/attributes.js';
import type { TargetGroup } from './services/elbv2/model.js';
import { newRuleArn } from './services/elbv2/rules.js';
import type { Elbv2Store } from './services/elbv2/store.js';
import { arnOf, tailOf } from './services/elbv2/store.js';

export type Color = 'blue' | 'green';

/** The shop: two services, each with a blue and a green target group on ports of their own. */
const shop = [
  { service: 'backend', blue: 8081, green: 8082 },
  { service: 'frontend', blue: 8091, green: 8092 },
] as const;

const colors: readonly Color[] = ['blue', 'green'];

/** Tags of the nth instance (from 1) of a new sandbox. */
export function instanceTags(number: number): Record<string, string> {
  return { Name: `shop-${number}`, App: 'shop', Environment: 'production' };
}

export interface World {
  readonly loadBalancerArn: string;
  readonly listenerArn: string;
  readonly groups: readonly { readonly service: string; readonly color: Color; readonly arn: string }[];
}

/**
 * Lays out a new sandbox as a person with Terraform would have: one ALB, a listener that sends /api to the backend and
 * the rest to the frontend, the blue groups live with all instances, the green ones empty and in no rule.
 * @param port the data plane's port, which is the listener's
 */
export function createWorld(store: Elbv2Store, place: Place, fleet: FleetReader, port: number): World {
  const loadBalancerArn = arnOf(store, `loadbalancer/app/shop/${store.newId('shop')}`);
  store.loadBalancers.set(loadBalancerArn, {
    arn: loadBalancerArn,
    name: 'shop',
    dnsName: `shop-1.${store.region}.elb.localhost`,
    vpcId: place.vpcId,
    zones: place.zones.map((zone) => ({ name: zone.name, subnetId: zone.subnetId })),
    createdAt: new Date(),
    attributes: initialAttributes(loadBalancerAttributes),
  });

  const groups = shop.flatMap((service) =>
    colors.map((color) => ({
      service: service.service,
      color,
      group: createGroup(store, place, fleet, service.service, color, service[color]),
    })),
  );
  const arnFor = (service: string): string =>
    groups.find((one) => one.service === service && one.color === 'blue')?.group.arn ?? '';

  const tail = tailOf(loadBalancerArn, 'loadbalancer');
  const listenerArn = arnOf(store, `listener/${tail}/${store.newId('listener')}`);
  store.listeners.set(listenerArn, {
    arn: listenerArn,
    loadBalancerArn,
    port,
    protocol: 'HTTP',
    attributes: initialAttributes(listenerAttributes),
  });
  addRule(store, listenerArn, Number.POSITIVE_INFINITY, [], arnFor('frontend'));
  addRule(store, listenerArn, 10, ['/api', '/api/*'], arnFor('backend'));

  store.tags.set(loadBalancerArn, new Map([['App', 'shop']]));
  store.tags.set(listenerArn, new Map());
  return {
    loadBalancerArn,
    listenerArn,
    groups: groups.map(({ service, color, group }) => ({ service, color, arn: group.arn })),
  };
}

function createGroup(
  store: Elbv2Store,
  place: Place,
  fleet: FleetReader,
  service: string,
  color: Color,
  port: number,
): TargetGroup {
  const name = `shop-${service}-${color}`;
  const arn = arnOf(store, `targetgroup/${name}/${store.newId(name)}`);
  const live = color === 'blue' ? fleet.list() : [];
  const group: TargetGroup = {
    arn,
    name,
    port,
    protocol: 'HTTP',
    vpcId: place.vpcId,
    healthCheck: {
      protocol: 'HTTP',
      port: 'traffic-port',
      path: '/health',
      intervalSeconds: 5,
      timeoutSeconds: 2,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
      matcher: '200',
    },
    attributes: changeAttributes(targetGroupAttributes, initialAttributes(targetGroupAttributes), [
      { Key: 'deregistration_delay.timeout_seconds', Value: '60' },
    ]),
    registrations: live.map((instance) => ({
      id: `${name}-${instance.id}`,
      instanceId: instance.id,
      port,
      epoch: 0,
      draining: false,
    })),
  };
  store.groups.set(arn, group);
  store.tags.set(
    arn,
    new Map([
      ['App', 'shop'],
      ['Environment', 'production'],
      ['Service', service],
      ['Color', color],
    ]),
  );
  return group;
}

function addRule(
  store: Elbv2Store,
  listenerArn: string,
  priority: number,
  paths: readonly string[],
  groupArn: string,
): void {
  const arn = newRuleArn(store, listenerArn);
  const forward: Action = {
    order: 1,
    type: 'forward',
    forward: { groups: [{ arn: groupArn, weight: 1 }], stickiness: { enabled: false } },
  };
  store.rules.set(arn, {
    arn,
    listenerArn,
    priority,
    conditions: paths.length === 0 ? [] : [{ field: 'path-pattern', values: paths }],
    actions: [forward],
  });
  store.tags.set(arn, new Map());
}
