// Makes dist: a file a command, what they share in dist/chunks, packages included. Most of a start is reading and linking files: so it is a dozen of
// them, not 400, and of the AWS SDK the operations that src/aws/sdk names. Nothing is minified: stack traces and profiles are read by people.
import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const dist = join(root, 'dist');

// What is opened by name from outside of dist, and what reads files beside itself: these keep their places.
const entries = [
  'main',
  'aws/version',
  'host/script',
  'compose/own-files',
  'sandbox/process/run',
  'config/reference',
  'presentation/schemas/json-schema',
  'sandbox/load/index',
];

// oclif opens its hooks and the class for help by the names that package.json gives them.
const { oclif } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
entries.push(...[oclif.helpClass, ...Object.values(oclif.hooks)].map((name) => relative('dist', name)));

const sources = (await readdir(source, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile())
  .map((entry) => relative(source, join(entry.parentPath, entry.name)));
const commands = sources.filter((name) => /^commands\/.*\.ts$/.test(name)).map((name) => name.replace(/\.ts$/, ''));

const bundle = await rolldown({
  input: Object.fromEntries([...entries, ...commands].map((name) => [name, join(source, `${name}.ts`)])),
  cwd: root,
  platform: 'node',
  // ES modules where a package has them: only those can be left out piece by piece.
  resolve: { mainFields: ['module', 'main'] },
  // oclif asks for them when it runs from TypeScript.
  external: ['typescript', 'ts-node', 'tsx'],
});
await rm(dist, { recursive: true, force: true });
const { output } = await bundle.write({
  dir: dist,
  format: 'esm',
  sourcemap: true,
  chunkFileNames: 'chunks/[name].js',
  comments: false,
});
await bundle.close();
await fillParts(output);

const modules = new Set();
for (const chunk of output) {
  if (chunk.type !== 'chunk') continue;
  for (const id of chunk.moduleIds) {
    modules.add(id);
    const name = relative(source, id).replace(/\.ts$/, '');
    const moved = !name.startsWith('..') && `${name}.js` !== chunk.fileName;
    if (moved && /\bimport\.meta\b/.test(await readFile(id, 'utf8')))
      throw new Error(
        `bundle: src/${name}.ts reads files beside itself, and is now in ${chunk.fileName}: name it among the entries`,
      );
  }
}
// What is neither TypeScript nor documentation stays where it is, with its mode.
for (const name of sources.filter((each) => !/\.(?:ts|md)$/.test(each))) {
  const to = join(dist, name);
  await mkdir(dirname(to), { recursive: true });
  await copyFile(join(source, name), to);
  await chmod(to, (await stat(join(source, name))).mode);
}
await writeFile(join(dist, 'THIRD-PARTY-LICENSES.txt'), await licenses(modules));

/**
 * Names in dist/compose/own-files.js what a command that changes something may import later: all that can be reached from it, by whatever kind of import.
 */
async function fillParts(chunks) {
  const byName = new Map(chunks.filter(({ type }) => type === 'chunk').map((chunk) => [chunk.fileName, chunk]));
  const reached = new Set();
  const reach = (name) => {
    const chunk = byName.get(name);
    if (chunk === undefined || reached.has(name)) return;
    reached.add(name);
    [...chunk.imports, ...chunk.dynamicImports].forEach(reach);
  };
  ['rollout', 'rollback', 'resume', 'retire', 'validate'].forEach((command) => reach(`commands/${command}.js`));
  const file = join(dist, 'compose', 'own-files.js');
  const text = await readFile(file, 'utf8');
  const filled = text.replace('const PARTS = [];', `const PARTS = ${JSON.stringify([...reached].sort())};`);
  if (filled === text) throw new Error(`bundle: ${file} has no list to fill in`);
  await writeFile(file, filled);
}

/** The licenses of the packages of which something is in dist: they ask to go with every copy. */
async function licenses(ids) {
  const folders = new Set();
  for (const id of ids) {
    const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  const texts = await Promise.all(
    [...folders].sort().map(async (folder) => {
      const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
      const file = (await readdir(folder)).find((each) => /^(?:licen[cs]e|copying)/i.test(each));
      const text = file === undefined ? '' : `\n${(await readFile(join(folder, file), 'utf8')).trim()}\n`;
      return `${name} ${version} (${license})\n${text}`;
    }),
  );
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
