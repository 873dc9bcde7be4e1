import { z } from 'zod';
import { documentSchemas } from './documents.js';
import { eventLineSchema } from './events.js';

/** Text of schema/events.schema.json: one line of `--events FILE`. */
export function eventsSchemaText(): string {
  return textOf(jsonSchemaOf(eventLineSchema));
}

/** Text of schema/output.schema.json: under `$defs` a document of `--json` for each kind of command. */
export function outputSchemaText(): string {
  const documents = Object.entries(documentSchemas).map(([name, schema]) => [name, jsonSchemaOf(schema)] as const);
  return textOf({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $defs: Object.fromEntries(documents.map(([name, { $schema: _, ...schema }]) => [name, schema])),
    anyOf: documents.map(([name]) => ({ $ref: `#/$defs/${name}` })),
  });
}

/** Open for fields to come, as the promise to readers is; tests look at nothing but what is here. */
function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
}

const textOf = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
