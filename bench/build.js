// Makes a measurement runnable: TypeScript and packages into one folder that the system's Node runs as it runs dist.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @returns the path of the built entry */
export async function build(name) {
  const dir = join(root, 'node_modules', '.cache', 'deployctl-bench');
  await mkdir(dir, { recursive: true });
  const bundle = await rolldown({
    input: { [name.replaceAll('/', '-')]: join(root, 'bench', `${name}.ts`) },
    cwd: root,
    platform: 'node',
    logLevel: 'silent',
    resolve: { mainFields: ['module', 'main'] },
    external: ['typescript', 'ts-node', 'tsx'],
  });
  await bundle.write({ dir, format: 'esm', chunkFileNames: `${name.replaceAll('/', '-')}-[name].js` });
  await bundle.close();
  return join(dir, `${name.replaceAll('/', '-')}.js`);
}
