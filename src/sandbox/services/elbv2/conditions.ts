import { isIP } from 'node:net';
import { z } from 'zod';
import { listOf, validationError } from './params.js';

const values = z.object({ Values: listOf(z.string()) });

export const conditionSchema = z.object({
  Field: z.string().optional(),
  Values: listOf(z.string()),
  HostHeaderConfig: values.optional(),
  PathPatternConfig: values.optional(),
  HttpHeaderConfig: values.extend({ HttpHeaderName: z.string() }).optional(),
  QueryStringConfig: z
    .object({ Values: listOf(z.object({ Key: z.string().optional(), Value: z.string() })) })
    .optional(),
  HttpRequestMethodConfig: values.optional(),
  SourceIpConfig: values.optional(),
});

export type ConditionInput = z.output<typeof conditionSchema>;

/** One condition of a rule; its values are ORed, a rule's conditions ANDed. */
export type Condition =
  | {
      readonly field: 'host-header' | 'path-pattern' | 'http-request-method' | 'source-ip';
      readonly values: readonly string[];
    }
  | { readonly field: 'http-header'; readonly name: string; readonly values: readonly string[] }
  | {
      readonly field: 'query-string';
      readonly values: readonly { readonly Key?: string | undefined; readonly Value: string }[];
    };

/** Reads conditions in the old form (Field, Values) and the new one (…Config). Source: ELB API reference, RuleCondition. */
export function parseConditions(inputs: readonly ConditionInput[]): Condition[] {
  const conditions = inputs.map(parseCondition);
  for (const condition of conditions) {
    if (condition.values.length === 0) {
      throw validationError(`A condition value must be specified for ${condition.field}`);
    }
  }
  const total = conditions.reduce((sum, condition) => sum + condition.values.length, 0);
  if (total > 5) {
    throw validationError(`A rule can have up to 5 condition values; it has ${total}`);
  }
  return conditions;
}

function parseCondition(input: ConditionInput): Condition {
  const field = input.Field ?? fieldOf(input);
  switch (field) {
    case 'host-header':
      return { field, values: input.HostHeaderConfig?.Values ?? input.Values };
    case 'path-pattern':
      return { field, values: input.PathPatternConfig?.Values ?? input.Values };
    case 'http-request-method':
      return { field, values: input.HttpRequestMethodConfig?.Values ?? [] };
    case 'source-ip':
      return { field, values: (input.SourceIpConfig?.Values ?? []).map(checkCidr) };
    case 'http-header':
      if (input.HttpHeaderConfig === undefined) {
        throw validationError('A condition on http-header must have HttpHeaderConfig');
      }
      return { field, name: input.HttpHeaderConfig.HttpHeaderName, values: input.HttpHeaderConfig.Values };
    case 'query-string':
      return { field, values: input.QueryStringConfig?.Values ?? [] };
    default:
      throw validationError(
        `Condition field '${field}' must be one of 'path-pattern, host-header, http-header, ` +
          `http-request-method, query-string, source-ip'`,
      );
  }
}

function checkCidr(value: string): string {
  const [address = '', bits = ''] = value.split('/');
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > longest) {
    throw validationError(`Condition value '${value}' must be an address block such as 10.0.0.0/8`);
  }
  return value;
}

function fieldOf(input: ConditionInput): string {
  if (input.HostHeaderConfig !== undefined) return 'host-header';
  if (input.PathPatternConfig !== undefined) return 'path-pattern';
  if (input.HttpHeaderConfig !== undefined) return 'http-header';
  if (input.QueryStringConfig !== undefined) return 'query-string';
  if (input.HttpRequestMethodConfig !== undefined) return 'http-request-method';
  if (input.SourceIpConfig !== undefined) return 'source-ip';
  return '';
}

/** The condition in the words of Describe*: host and path patterns are told in both forms. */
export function describeCondition(condition: Condition): Record<string, unknown> {
  switch (condition.field) {
    case 'host-header':
      return { Field: condition.field, Values: condition.values, HostHeaderConfig: { Values: condition.values } };
    case 'path-pattern':
      return { Field: condition.field, Values: condition.values, PathPatternConfig: { Values: condition.values } };
    case 'http-request-method':
      return { Field: condition.field, HttpRequestMethodConfig: { Values: condition.values } };
    case 'source-ip':
      return { Field: condition.field, SourceIpConfig: { Values: condition.values } };
    case 'http-header':
      return { Field: condition.field, HttpHeaderConfig: { HttpHeaderName: condition.name, Values: condition.values } };
    case 'query-string':
      return { Field: condition.field, QueryStringConfig: { Values: condition.values } };
  }
}
