import type { JsonSchema } from './json-schema.js';
import { configJsonSchema } from './json-schema.js';

/** Text of schema/deployctl.schema.json. */
export function configSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}

const INTRO = `# deployctl.yml

<!-- Written by \`npm run generate\` from src/config/schema. Change it there. -->

deployctl reads \`--config FILE\`, else the nearest \`deployctl.yml\` (or \`.yaml\`) in the working directory or above it. Keys that are not
on this page are errors. For help while typing, put this on the first line of the file:

    # yaml-language-server: $schema=./node_modules/deployctl/schema/deployctl.schema.json

- A duration is \`500ms\`, \`90s\`, \`5m\`, \`1h30m\`; an amount is a number (\`2\`) or a share of the fleet (\`25%\`, rounded down, at least 1).
- \`environments.NAME.services.NAME\` takes the keys of the service too: \`container\`, \`health\`, \`env\` and \`secrets\` are merged key by key,
  anything else, lists included, is replaced.
- Secrets never stand in this file, only the names of the parameters or variables that hold them.
- \`AWS_REGION\`, if it is set, must equal \`region\`.
- A variable in \`env\` or \`secrets\` may have any name. Names that a shell, the aws CLI or docker read themselves (\`PATH\`, \`HOME\`, \`IFS\`, \`LD_…\`,
  \`AWS_…\`, \`DOCKER_…\`, proxies and the like) reach docker in an env file, so the value of such a variable has one line. All other values are
  kept exactly, line breaks included.
- The instance reads \`secrets\` with its own role, first when it pulls the image: one that it cannot read ends the rollout while the old release
  serves everywhere.
- What an instance is told to start a service must fit into one SSM command of 64 KB, of which deployctl's own script takes about half: some 16 KB
  of values in \`env\`, \`command\`, \`checks\` and \`run\` together. \`plan\`, \`doctor\` and \`rollout\` refuse more than that; \`env-files\` and \`secrets\`
  have no such limit.
- The file has at most 512 KB, 100 services and 100 environments. \`__proto__\` cannot be a key, nor \`constructor\` the name of a service or an
  environment.
`;

/** Text of docs/configuration.md: one table per map of the file, in the order of the schema; equal maps share a table. */
export function configReference(): string {
  const tables = new Map<string, string[]>();
  collect('', configJsonSchema(), tables);
  const sections = [...tables].map(([rows, paths]) => {
    const title = paths.map((path) => (path === '' ? 'The file' : `\`${path}\``)).join(', ');
    return `## ${title}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n${rows}\n`;
  });
  return [INTRO, ...sections].join('\n');
}

/** Rows of a table → the paths where that map may stand. */
function collect(path: string, schema: JsonSchema, tables: Map<string, string[]>): void {
  const { properties } = schema;
  if (properties !== undefined) {
    const rows = Object.entries(properties)
      .map(([key, child]) => row(key, child, schema.required?.includes(key) ?? false))
      .join('\n');
    tables.set(rows, [...(tables.get(rows) ?? []), path]);
    for (const [key, child] of Object.entries(properties)) collect(path === '' ? key : `${path}.${key}`, child, tables);
  }
  for (const branch of schema.anyOf ?? []) collect(path, branch, tables);
  if (schema.items !== undefined) collect(`${path}[]`, schema.items, tables);
  if (typeof schema.additionalProperties === 'object') collect(`${path}.NAME`, schema.additionalProperties, tables);
}

function row(key: string, schema: JsonSchema, required: boolean): string {
  const fallback = required ? 'required' : defaultText(schema.default);
  return `| \`${key}\` | ${cell(valueText(schema))} | ${fallback} | ${cell(schema.description ?? '')} |`;
}

function defaultText(value: unknown): string {
  const empty = value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  if (empty) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function valueText(schema: JsonSchema): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${String(word)}\``).join(' or ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(valueText))].join(' or ');
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return '`true` or `false`';
    case 'array':
      return schema.items === undefined ? 'list' : `list of ${plural(valueText(schema.items))}`;
    default:
      return 'map';
  }
}

function plural(text: string): string {
  return text === 'map' || text === 'number' ? `${text}s` : text;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
