import { z } from 'zod';
import { AwsError } from '../../types.js';
import type { Action } from './actions.js';
import { actionSchema, describeActions, forwardOf, parseActions } from './actions.js';
import { conditionSchema, describeCondition, parseConditions } from './conditions.js';
import type { Rule } from './model.js';
import { integer, listOf, optionalListOf, page, paging, read, validationError } from './params.js';
import type { Elbv2Store } from './store.js';
import { arnOf, needGroup, needListener, needRule, rulesOf, tailOf } from './store.js';

const priority = integer('Priority', 1, 50_000);
const maxRules = 100;

/**
 * Checks what an action list says about target groups: they exist, and a sticky one of several is behind group
 * stickiness. Source: ALB guide, sticky sessions.
 */
export function checkForward(store: Elbv2Store, actions: readonly Action[]): void {
  const forward = forwardOf(actions);
  const groups = forward?.groups.map((group) => needGroup(store, group.arn)) ?? [];
  const sticky = groups.filter((group) => group.attributes.get('stickiness.enabled') === 'true');
  if (forward !== undefined && groups.length > 1 && sticky.length > 0 && !forward.stickiness.enabled) {
    throw stickinessConflict(sticky.map((group) => group.arn));
  }
}

export function stickinessConflict(arns: readonly string[]): AwsError {
  return new AwsError(
    'InvalidConfigurationRequest',
    `This target group appears behind a rule with group stickiness disabled (${arns.join(', ')}). ` +
      'You must enable group stickiness before enabling target stickiness',
  );
}

export function describeRule(rule: Rule): Record<string, unknown> {
  const isDefault = rule.priority === Number.POSITIVE_INFINITY;
  return {
    RuleArn: rule.arn,
    Priority: isDefault ? 'default' : String(rule.priority),
    Conditions: rule.conditions.map(describeCondition),
    Actions: describeActions(rule.actions),
    IsDefault: isDefault,
  };
}

/** DescribeRules. Priorities are strings, the default rule is last. */
export function describeRules(store: Elbv2Store, params: Record<string, unknown>): Record<string, unknown> {
  const wanted = read(
    z.object({ ListenerArn: z.string().optional(), RuleArns: listOf(z.string()), ...paging }),
    params,
  );
  if ((wanted.ListenerArn === undefined) === (wanted.RuleArns.length === 0)) {
    throw validationError('You must specify either listener ARN or rule ARNs');
  }
  const rules =
    wanted.ListenerArn === undefined
      ? wanted.RuleArns.map((arn) => needRule(store, arn))
      : rulesOf(store, needListener(store, wanted.ListenerArn).arn);
  const { items, NextMarker } = page(rules, wanted);
  return { Rules: items.map(describeRule), NextMarker };
}

export function createRule(store: Elbv2Store, params: Record<string, unknown>): Record<string, unknown> {
  const wanted = read(
    z.object({
      ListenerArn: z.string(),
      Priority: priority,
      Conditions: listOf(conditionSchema),
      Actions: listOf(actionSchema),
      Tags: listOf(z.object({ Key: z.string(), Value: z.string().default('') })),
    }),
    params,
  );
  const listener = needListener(store, wanted.ListenerArn);
  const existing = rulesOf(store, listener.arn);
  if (existing.length > maxRules) {
    throw new AwsError('TooManyRules', `The listener has ${maxRules} rules already`);
  }
  if (existing.some((rule) => rule.priority === wanted.Priority)) {
    throw priorityInUse(wanted.Priority);
  }
  const conditions = parseConditions(wanted.Conditions);
  if (conditions.length === 0) {
    throw validationError('A condition must be specified');
  }
  const actions = parseActions(wanted.Actions, []);
  checkForward(store, actions);
  const rule: Rule = {
    arn: newRuleArn(store, listener.arn),
    listenerArn: listener.arn,
    priority: wanted.Priority,
    conditions,
    actions,
  };
  store.rules.set(rule.arn, rule);
  store.tags.set(rule.arn, new Map(wanted.Tags.map((tag) => [tag.Key, tag.Value])));
  store.changed({ kind: 'listener', listenerArn: listener.arn });
  return { Rules: [describeRule(rule)] };
}

export function newRuleArn(store: Elbv2Store, listenerArn: string): string {
  return arnOf(store, `listener-rule/${tailOf(listenerArn, 'listener')}/${store.newId('rule')}`);
}

/** ModifyRule replaces the properties that are given, each as a whole. */
export function modifyRule(store: Elbv2Store, params: Record<string, unknown>): Record<string, unknown> {
  const wanted = read(
    z.object({
      RuleArn: z.string(),
      Conditions: optionalListOf(conditionSchema),
      Actions: optionalListOf(actionSchema),
    }),
    params,
  );
  const rule = needRule(store, wanted.RuleArn);
  if (rule.priority === Number.POSITIVE_INFINITY) {
    throw new AwsError('OperationNotPermitted', `Default rule '${rule.arn}' cannot be modified; use ModifyListener`);
  }
  const conditions = wanted.Conditions === undefined ? rule.conditions : parseConditions(wanted.Conditions);
  if (conditions.length === 0) {
    throw validationError('A condition must be specified');
  }
  const actions = wanted.Actions === undefined ? rule.actions : parseActions(wanted.Actions, rule.actions);
  checkForward(store, actions);
  rule.conditions = conditions;
  rule.actions = actions;
  store.changed({ kind: 'listener', listenerArn: rule.listenerArn });
  return { Rules: [describeRule(rule)] };
}

export function deleteRule(store: Elbv2Store, params: Record<string, unknown>): Record<string, unknown> {
  const { RuleArn: arn } = read(z.object({ RuleArn: z.string() }), params);
  const rule = needRule(store, arn);
  if (rule.priority === Number.POSITIVE_INFINITY) {
    throw new AwsError('OperationNotPermitted', `Default rule '${arn}' cannot be deleted`);
  }
  store.rules.delete(arn);
  store.tags.delete(arn);
  store.changed({ kind: 'listener', listenerArn: rule.listenerArn });
  return {};
}

/** SetRulePriorities moves several rules at once; no two rules of a listener may end on the same priority. */
export function setRulePriorities(store: Elbv2Store, params: Record<string, unknown>): Record<string, unknown> {
  const { RulePriorities: wanted } = read(
    z.object({ RulePriorities: listOf(z.object({ RuleArn: z.string(), Priority: priority })) }),
    params,
  );
  const moves = new Map(wanted.map((move) => [needRule(store, move.RuleArn), move.Priority]));
  const listenerArns = new Set([...moves.keys()].map((rule) => rule.listenerArn));
  for (const rule of moves.keys()) {
    if (rule.priority === Number.POSITIVE_INFINITY) {
      throw new AwsError('OperationNotPermitted', `Default rule '${rule.arn}' cannot be re-prioritized`);
    }
  }
  for (const listenerArn of listenerArns) {
    const seen = new Set<number>();
    for (const rule of rulesOf(store, listenerArn)) {
      const next = moves.get(rule) ?? rule.priority;
      if (seen.has(next)) {
        throw priorityInUse(next);
      }
      seen.add(next);
    }
  }
  for (const [rule, next] of moves) {
    rule.priority = next;
  }
  for (const listenerArn of listenerArns) {
    store.changed({ kind: 'listener', listenerArn });
  }
  return { Rules: [...moves.keys()].map(describeRule) };
}

function priorityInUse(value: number): AwsError {
  return new AwsError('PriorityInUse', `Priority '${value}' is currently in use`);
}
