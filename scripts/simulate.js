// Replays one simulated case with its trace: npm run simulate -- 'CASE', as a failing test prints it. Bundled and run at once, because a test runner takes
// longer to start than a case takes to play.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const wanted = process.argv.slice(2).join(' ');
if (wanted === '') {
  process.stderr.write(
    "simulate: name a case: npm run simulate -- 'rolling/ports/backend/2/good/released/1 resume 40:lost'\n",
  );
  process.exit(64);
}
// `mutant 12 CASE`: the case is played in a copy of the code with that planted defect (test/simulation/mutate.ts).
const [, mutant, rest] = /^mutant (\d+) (.*)$/.exec(wanted) ?? [];
const simulation = fileURLToPath(new URL('../test/simulation/', import.meta.url));
// Among the packages: what is made imports them.
const made = fileURLToPath(new URL(`../node_modules/.cache/simulate-${String(process.pid)}/`, import.meta.url));

/** Bundles what `code` imports, as a module of test/simulation, and loads it. Packages stay outside. */
async function load(name, code, plugins = []) {
  const entry = join(simulation, `${name}-entry.ts`);
  const planted = /\?mutant=\d+$/;
  const sources = {
    name: 'sources',
    resolveId: (id) => (id === name ? entry : null),
    async load(id) {
      if (id === entry) return code;
      return planted.test(id) ? { code: await readFile(id.replace(planted, ''), 'utf8'), moduleType: 'ts' } : null;
    },
  };
  const bundle = await rolldown({
    input: { [name]: name },
    cwd: simulation,
    platform: 'node',
    external: (id) => id !== name && /^[^./]/.test(id),
    plugins: [...plugins, sources],
  });
  const { output } = await bundle.write({ dir: made, format: 'esm' });
  await bundle.close();
  return import(pathToFileURL(join(made, output[0].fileName)).href);
}

try {
  const plugins =
    mutant === undefined ? [] : [(await load('mutate', "export { plantMutants } from './mutate.js';")).plantMutants()];
  const { replay, referenceOf } = await load(
    'replay',
    `export { referenceOf } from './case.js';
    export { replay } from './replays.js${mutant === undefined ? '' : `?mutant=${mutant}`}';`,
    plugins,
  );
  const { trace, violations } = await replay(rest ?? wanted, referenceOf);
  process.stdout.write([...trace, '', ...violations.map((each) => `broken: ${each}`), ''].join('\n'));
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await rm(made, { recursive: true, force: true });
}
