/*
 * npm run bench [-- NAME …]: measures, prints tables, and keeps results as JSON in bench/results.
 *
 *   --write    puts the tables into docs/performance.md
 *   --quick    fewer rounds and smaller fleets, and no results are kept: whether it works, not how fast it is
 *   --resume   leaves out what was measured at this commit, after a run that was cut short
 */
import { execa } from 'execa';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as growth from './growth/index.js';
import * as overhead from './overhead/index.js';
import * as reaction from './reaction/index.js';
import * as sandbox from './sandbox/index.js';
import * as script from './script/index.js';
import * as startup from './startup/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs', 'performance.md');
const all = { startup, sandbox, overhead, reaction, script, growth };

const args = process.argv.slice(2);
const options = ['write', 'quick', 'resume'];
const [write, quick, resume] = options.map((name) => args.includes(`--${name}`));
const strange = args.find((arg) => arg.startsWith('--') && !options.includes(arg.slice(2)));
const names = args.filter((arg) => !arg.startsWith('--'));
const unknown = names.find((name) => !(name in all));
if (strange !== undefined) {
  process.stderr.write(`bench: there is no ${strange}; there are ${options.map((name) => `--${name}`).join(', ')}\n`);
  process.exit(64);
}
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no ${unknown}; there are ${Object.keys(all).join(', ')}\n`);
  process.exit(64);
}
const machine = {
  processor: `${String(cpus().length)} × ${cpus()[0]?.model ?? 'unknown'}`,
  memory: `${String(Math.round(totalmem() / 2 ** 30))} GB`,
  node: process.version,
};

const commit = (await execa('git', ['rev-parse', 'HEAD'], { cwd: root, reject: false })).stdout;

for (const name of names.length > 0 ? names : Object.keys(all)) {
  const { measure, tables } = all[name];
  const file = join(root, 'bench', 'results', `${name}.json`);
  if (resume && (await measuredAt(file)) === commit) {
    process.stderr.write(`bench: ${name} was measured at this commit\n`);
    continue;
  }
  process.stderr.write(`bench: ${name}\n`);
  const began = performance.now();
  const result = { measuredAt: new Date().toISOString(), commit, machine, ...(await measure({ quick })) };
  process.stderr.write(`bench: ${name} took ${String(Math.round((performance.now() - began) / 1000))} s\n`);
  if (!quick) {
    await mkdir(join(root, 'bench', 'results'), { recursive: true });
    await writeFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
  }
  const text = tables(result);
  process.stdout.write(`\n${name}\n\n${text}\n`);
  if (write && !quick)
    await intoPage(
      name,
      `${text}\n\nMeasured ${result.measuredAt.slice(0, 10)} on ${machine.processor}, ${machine.memory}, Node ${machine.node}.`,
    );
}

/** The commit at which a result was measured; undefined where there is none. */
async function measuredAt(file) {
  const text = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  return JSON.parse(text).commit;
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
