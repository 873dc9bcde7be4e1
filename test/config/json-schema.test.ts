import { expect, test } from 'vitest';
import { configReference, configSchemaText } from '../../src/config/reference.js';
import type { JsonSchema } from '../../src/config/json-schema.js';
import { configJsonSchema, knownKeysAt } from '../../src/config/json-schema.js';

test('keys known at a path, through maps, lists and alternatives', () => {
  expect(knownKeysAt([])).toEqual(['app', 'region', 'services', 'environments']);
  expect(knownKeysAt(['environments', 'any', 'lease'])).toEqual(['ttl', 'heartbeat']);
  expect(knownKeysAt(['environments', 'any', 'services', 'x', 'routes', 0])).toEqual([
    'load-balancer',
    'port',
    'path',
    'host',
  ]);
  expect(knownKeysAt(['environments', 'any', 'layout'])).toEqual(['tag', 'blue', 'green']);
  expect(knownKeysAt(['services', 'x', 'env'])).toEqual([]);
});

test('no map of the schema takes unknown keys, and every key is described', () => {
  const visit = (schema: JsonSchema, at: string): void => {
    if (schema.properties !== undefined) expect(schema.additionalProperties, at).toBe(false);
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      expect(child.description, `${at}.${key}`).toBeTypeOf('string');
      visit(child, `${at}.${key}`);
    }
    for (const child of [...(schema.anyOf ?? []), schema.items, schema.additionalProperties]) {
      if (typeof child === 'object') visit(child, `${at}[]`);
    }
  };
  visit(configJsonSchema(), '');
});

test('the generated texts end with one line break and hold defaults', () => {
  expect(configSchemaText()).toMatch(/[^\n]\n$/);
  expect(configReference()).toContain('| `heartbeat` | duration | `10s` |');
});
