import { z } from 'zod';
import { AwsError } from '../../types.js';
import { flag, integer, listOf, optionalListOf, validationError } from './params.js';

/** Key/value pairs of a form (`X.entry.1.key=…`), as a Map. */
const formMap = z
  .object({ entry: listOf(z.object({ key: z.string(), value: z.string() })) })
  .transform(({ entry }) => new Map(entry.map((pair) => [pair.key, pair.value])));

const stickinessSchema = z.object({
  Enabled: flag.default(false),
  DurationSeconds: z.coerce.number().int().optional(),
});

const forwardSchema = z.object({
  TargetGroups: listOf(
    z.object({ TargetGroupArn: z.string(), Weight: integer('Target group weight', 0, 999).default(1) }),
  ),
  TargetGroupStickinessConfig: stickinessSchema.optional(),
});

const oidcSchema = z.object({
  Issuer: z.string(),
  AuthorizationEndpoint: z.string(),
  TokenEndpoint: z.string(),
  UserInfoEndpoint: z.string(),
  ClientId: z.string(),
  ClientSecret: z.string().optional(),
  UseExistingClientSecret: flag.optional(),
  SessionCookieName: z.string().default('AWSELBAuthSessionCookie'),
  Scope: z.string().default('openid'),
  SessionTimeout: z.coerce.number().int().default(604_800),
  AuthenticationRequestExtraParams: formMap.optional(),
  OnUnauthenticatedRequest: z.enum(['deny', 'allow', 'authenticate']).default('authenticate'),
});

const cognitoSchema = z.object({
  UserPoolArn: z.string(),
  UserPoolClientId: z.string(),
  UserPoolDomain: z.string(),
  SessionCookieName: z.string().default('AWSELBAuthSessionCookie'),
  Scope: z.string().default('openid'),
  SessionTimeout: z.coerce.number().int().default(604_800),
  AuthenticationRequestExtraParams: formMap.optional(),
  OnUnauthenticatedRequest: z.enum(['deny', 'allow', 'authenticate']).default('authenticate'),
});

const jwtSchema = z.object({
  JwksEndpoint: z.string(),
  Issuer: z.string(),
  AdditionalClaims: optionalListOf(z.object({ Format: z.string(), Name: z.string(), Values: listOf(z.string()) })),
});

const redirectSchema = z.object({
  Protocol: z.string().default('#{protocol}'),
  Port: z.string().default('#{port}'),
  Host: z.string().default('#{host}'),
  Path: z.string().default('/#{path}'),
  Query: z.string().default('#{query}'),
  StatusCode: z.enum(['HTTP_301', 'HTTP_302']),
});

const fixedResponseSchema = z.object({
  MessageBody: z.string().max(1024).optional(),
  StatusCode: z.string().regex(/^[245]\d\d$/, 'StatusCode must be 2XX, 4XX or 5XX'),
  ContentType: z.string().optional(),
});

export const actionSchema = z.object({
  Type: z.enum([
    'forward',
    'redirect',
    'fixed-response',
    'authenticate-oidc',
    'authenticate-cognito',
    'jwt-validation',
  ]),
  Order: integer('Order', 1, 50_000).optional(),
  TargetGroupArn: z.string().optional(),
  ForwardConfig: forwardSchema.optional(),
  RedirectConfig: redirectSchema.optional(),
  FixedResponseConfig: fixedResponseSchema.optional(),
  AuthenticateOidcConfig: oidcSchema.optional(),
  AuthenticateCognitoConfig: cognitoSchema.optional(),
  JwtValidationConfig: jwtSchema.optional(),
});

export type ActionInput = z.output<typeof actionSchema>;

export interface Forward {
  readonly groups: readonly { readonly arn: string; readonly weight: number }[];
  readonly stickiness: { readonly enabled: boolean; readonly durationSeconds?: number | undefined };
}

/** One action of a rule. Authentication is kept as it was given, its client secret included. */
export type Action = { readonly order: number } & (
  | { readonly type: 'forward'; readonly forward: Forward }
  | { readonly type: 'redirect'; readonly redirect: z.output<typeof redirectSchema> }
  | { readonly type: 'fixed-response'; readonly fixedResponse: z.output<typeof fixedResponseSchema> }
  | { readonly type: 'authenticate-oidc'; readonly oidc: z.output<typeof oidcSchema> }
  | { readonly type: 'authenticate-cognito'; readonly cognito: z.output<typeof cognitoSchema> }
  | { readonly type: 'jwt-validation'; readonly jwt: z.output<typeof jwtSchema> }
);

const maxGroups = 5;
const finalTypes: readonly string[] = ['forward', 'redirect', 'fixed-response'];

/**
 * Checks a whole action list as ELB does and puts it in order.
 * Sources: ELB API reference, Action, ForwardActionConfig, TargetGroupTuple; ALB guide, listeners (rule action types).
 * @param existing the list that is replaced: where an OIDC action with UseExistingClientSecret finds its secret
 */
export function parseActions(inputs: readonly ActionInput[], existing: readonly Action[]): Action[] {
  if (inputs.length === 0) {
    throw validationError('A rule must have at least one action');
  }
  if (inputs.length > 1 && inputs.some((input) => input.Order === undefined)) {
    throw validationError('An action must specify an Order when a rule has more than one action');
  }
  const orders = inputs.map((input) => input.Order ?? 1);
  if (new Set(orders).size !== orders.length) {
    throw validationError(`Each action must have an Order of its own; given: ${orders.join(', ')}`);
  }
  const actions = inputs
    .map((input, index) => parseAction(input, orders[index] ?? 1, existing))
    .sort((left, right) => left.order - right.order);
  const finals = actions.filter((action) => finalTypes.includes(action.type));
  if (finals.length !== 1 || actions.at(-1) !== finals[0]) {
    throw new AwsError(
      'InvalidLoadBalancerAction',
      'A rule must have exactly one forward, redirect or fixed-response action, and it must be performed last',
    );
  }
  if (actions.length > 2) {
    throw new AwsError('TooManyActions', 'A rule may have one authentication action before its last action');
  }
  return actions;
}

function parseAction(input: ActionInput, order: number, existing: readonly Action[]): Action {
  switch (input.Type) {
    case 'forward':
      return { order, type: input.Type, forward: parseForward(input) };
    case 'redirect':
      return { order, type: input.Type, redirect: need(input.RedirectConfig, 'RedirectConfig', input.Type) };
    case 'fixed-response':
      return {
        order,
        type: input.Type,
        fixedResponse: need(input.FixedResponseConfig, 'FixedResponseConfig', input.Type),
      };
    case 'authenticate-oidc':
      return { order, type: input.Type, oidc: parseOidc(input, existing) };
    case 'authenticate-cognito':
      return {
        order,
        type: input.Type,
        cognito: need(input.AuthenticateCognitoConfig, 'AuthenticateCognitoConfig', input.Type),
      };
    case 'jwt-validation':
      return { order, type: input.Type, jwt: need(input.JwtValidationConfig, 'JwtValidationConfig', input.Type) };
  }
}

function need<T>(value: T | undefined, name: string, type: string): T {
  if (value === undefined) {
    throw validationError(`An action of type '${type}' must have ${name}`);
  }
  return value;
}

function parseForward(input: ActionInput): Forward {
  const listed = input.ForwardConfig?.TargetGroups ?? [];
  const groups = listed.map((tuple) => ({ arn: tuple.TargetGroupArn, weight: tuple.Weight }));
  if (input.TargetGroupArn !== undefined) {
    // Both forms at once are legal for one group only, and it must be the same one (ELB API reference, Action).
    if (groups.length > 1 || (groups[0] !== undefined && groups[0].arn !== input.TargetGroupArn)) {
      throw validationError('TargetGroupArn and ForwardConfig must name the same single target group');
    }
    if (groups.length === 0) {
      groups.push({ arn: input.TargetGroupArn, weight: 1 });
    }
  }
  if (groups.length === 0) {
    throw validationError("An action of type 'forward' must name a target group");
  }
  if (groups.length > maxGroups) {
    throw validationError(`A forward action may name up to ${maxGroups} target groups; it names ${groups.length}`);
  }
  if (new Set(groups.map((group) => group.arn)).size !== groups.length) {
    throw validationError('A target group may be named once in a forward action');
  }
  const stickiness = input.ForwardConfig?.TargetGroupStickinessConfig;
  const duration = stickiness?.DurationSeconds;
  if (stickiness?.Enabled === true && (duration === undefined || duration < 1 || duration > 604_800)) {
    throw validationError('Target group stickiness duration must be between 1 and 604800 seconds');
  }
  return { groups, stickiness: { enabled: stickiness?.Enabled ?? false, durationSeconds: duration } };
}

/** The secret never leaves in an answer, so whoever sends back what was described has to say that the known one stays. */
function parseOidc(input: ActionInput, existing: readonly Action[]): z.output<typeof oidcSchema> {
  const config = need(input.AuthenticateOidcConfig, 'AuthenticateOidcConfig', input.Type);
  if (config.ClientSecret !== undefined) {
    if (config.UseExistingClientSecret === true) {
      throw validationError('ClientSecret and UseExistingClientSecret=true exclude each other');
    }
    return config;
  }
  if (config.UseExistingClientSecret !== true) {
    throw validationError('AuthenticateOidcConfig must have ClientSecret, or UseExistingClientSecret=true');
  }
  const known = existing.find((action) => action.type === 'authenticate-oidc');
  if (known?.type !== 'authenticate-oidc' || known.oidc.ClientSecret === undefined) {
    throw validationError('UseExistingClientSecret is true, but the rule has no client secret yet');
  }
  return { ...config, ClientSecret: known.oidc.ClientSecret };
}

export function forwardOf(actions: readonly Action[]): Forward | undefined {
  const last = actions.at(-1);
  return last?.type === 'forward' ? last.forward : undefined;
}

/** The action in the words of Describe*. A forward to one group is told in both forms, as ELB does. */
export function describeAction(action: Action, alone: boolean): Record<string, unknown> {
  const head = { Type: action.type, Order: alone ? undefined : action.order };
  switch (action.type) {
    case 'forward': {
      const { groups, stickiness } = action.forward;
      return {
        ...head,
        TargetGroupArn: groups.length === 1 ? groups[0]?.arn : undefined,
        ForwardConfig: {
          TargetGroups: groups.map((group) => ({ TargetGroupArn: group.arn, Weight: group.weight })),
          TargetGroupStickinessConfig: { Enabled: stickiness.enabled, DurationSeconds: stickiness.durationSeconds },
        },
      };
    }
    case 'redirect':
      return { ...head, RedirectConfig: action.redirect };
    case 'fixed-response':
      return { ...head, FixedResponseConfig: action.fixedResponse };
    case 'authenticate-oidc':
      return {
        ...head,
        AuthenticateOidcConfig: { ...action.oidc, ClientSecret: undefined, UseExistingClientSecret: undefined },
      };
    case 'authenticate-cognito':
      return { ...head, AuthenticateCognitoConfig: action.cognito };
    case 'jwt-validation':
      return { ...head, JwtValidationConfig: action.jwt };
  }
}

export function describeActions(actions: readonly Action[]): Record<string, unknown>[] {
  return actions.map((action) => describeAction(action, actions.length === 1));
}
