// Finishes a build. Copies what tsc leaves behind: every file under src that is neither TypeScript nor documentation goes to the same
// place under dist, with its mode. And removes what has no source any more: a command that was renamed would still be found there.
import { chmod, copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const target = join(root, 'dist');

const filesIn = async (folder) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

const sources = await filesIn(source);
const wanted = new Set();
for (const name of sources) {
  if (name.endsWith('.ts')) {
    const compiled = name.replace(/\.ts$/, '.js');
    wanted.add(compiled).add(`${compiled}.map`);
  } else if (!name.endsWith('.md')) {
    wanted.add(name);
    const to = join(target, name);
    await mkdir(dirname(to), { recursive: true });
    await copyFile(join(source, name), to);
    await chmod(to, (await stat(join(source, name))).mode);
  }
}
for (const name of await filesIn(target)) if (!wanted.has(name)) await rm(join(target, name));
