// Writes what is derived from the schemas of configuration, events and output, and from the command line itself; needs a build. `--check` writes nothing and fails when a file is stale.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configReference, configSchemaText } from '../dist/config/reference.js';
import { eventsSchemaText, outputSchemaText } from '../dist/presentation/schemas/json-schema.js';
import { commandsPage } from './commands-page.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = {
  'schema/deployctl.schema.json': configSchemaText(),
  'schema/events.schema.json': eventsSchemaText(),
  'schema/output.schema.json': outputSchemaText(),
  'docs/configuration.md': configReference(),
  'docs/commands.md': commandsPage(),
};

const check = process.argv.includes('--check');
for (const [name, wanted] of Object.entries(files)) {
  const path = join(root, name);
  const seen = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (seen === wanted) continue;
  if (check) {
    process.exitCode = 1;
    process.stderr.write(`generate: ${name} is stale; run \`npm run build && npm run generate\` and commit it\n`);
  } else {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, wanted);
    process.stdout.write(`generate: wrote ${name}\n`);
  }
}
