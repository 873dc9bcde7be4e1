import { z } from 'zod';
import { configSchema } from './schema/index.js';

/** The parts of a JSON Schema that are used here. */
export interface JsonSchema {
  readonly type?: string;
  /** What kind of value it is, where text has a grammar: duration, amount. */
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: string | number | boolean;
  readonly enum?: readonly (string | number)[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** JSON Schema (draft 2020-12) of deployctl.yml for editors: what may be written, before defaults are filled in. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: 'input', reused: 'inline' });
  return schema as JsonSchema;
}

/** The keys that may stand at a path of deployctl.yml; none where a map has free keys. */
export function knownKeysAt(path: readonly (string | number)[]): readonly string[] {
  let here: readonly JsonSchema[] = [configJsonSchema()];
  for (const part of path) here = here.flatMap(branches).flatMap((schema) => child(schema, part));
  return here.flatMap(branches).flatMap((schema) => Object.keys(schema.properties ?? {}));
}

function branches(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? [schema];
}

function child(schema: JsonSchema, part: string | number): readonly JsonSchema[] {
  if (typeof part === 'number') return schema.items === undefined ? [] : [schema.items];
  const named = schema.properties?.[part];
  if (named !== undefined) return [named];
  return typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : [];
}
