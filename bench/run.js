// npm run bench [-- NAME … [--write]]: measures, prints tables, and keeps results as JSON in bench/results. --write puts the tables into docs/performance.md.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as growth from './growth/index.js';
import * as overhead from './overhead/index.js';
import * as startup from './startup/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs', 'performance.md');
const all = { startup, growth, overhead };

const args = process.argv.slice(2);
const write = args.includes('--write');
const names = args.filter((arg) => !arg.startsWith('--'));
const unknown = names.find((name) => !(name in all));
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no ${unknown}; there are ${Object.keys(all).join(', ')}\n`);
  process.exit(64);
}
const machine = {
  processor: `${String(cpus().length)} × ${cpus()[0]?.model ?? 'unknown'}`,
  memory: `${String(Math.round(totalmem() / 2 ** 30))} GB`,
  node: process.version,
};

for (const name of names.length > 0 ? names : Object.keys(all)) {
  const { measure, tables } = all[name];
  const result = { measuredAt: new Date().toISOString(), machine, ...(await measure()) };
  await mkdir(join(root, 'bench', 'results'), { recursive: true });
  await writeFile(join(root, 'bench', 'results', `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
  const text = tables(result);
  process.stdout.write(`\n${name}\n\n${text}\n`);
  if (write)
    await intoPage(
      name,
      `${text}\n\nMeasured ${result.measuredAt.slice(0, 10)} on ${machine.processor}, ${machine.memory}, Node ${machine.node}.`,
    );
}

/** Between `<!-- NAME -->` and `<!-- end -->`. */
async function intoPage(name, text) {
  const before = await readFile(page, 'utf8');
  const place = new RegExp(`(<!-- ${name} -->\n)[^]*?(\n<!-- end -->)`);
  if (!place.test(before)) throw new Error(`bench: docs/performance.md has no place for ${name}`);
  await writeFile(
    page,
    before.replace(place, (_, begin, end) => `${begin}\n${text}\n${end}`),
  );
}
