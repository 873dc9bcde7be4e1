/** `node:20-slim` of a sandbox without an internet: the node that runs the sandbox, with the libraries that it is linked to. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The name that the Dockerfiles of the example shop start FROM. */
export const BASE_IMAGE = 'node:20-slim';

/** Layers from what hardly changes to what does, so that a pull has several. */
const DOCKERFILE = `FROM scratch
COPY etc /etc
COPY libraries /
COPY node /usr/local/bin/node
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["node"]
`;

const USERS = 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n';
const GROUPS = 'root:x:0:\nnode:x:1000:\n';

export interface BaseImage {
  /** Changes whenever the image would. */
  readonly key: string;
  /** Writes the build context. */
  write(folder: string): Promise<void>;
}

/** @throws Error when ldd cannot tell the libraries of this node */
export async function describeBaseImage(): Promise<BaseImage> {
  const node = await realpath(process.execPath);
  const libraries = await librariesOf(node);
  const hash = createHash('sha256').update(DOCKERFILE + USERS + GROUPS);
  for (const path of [node, ...libraries]) {
    hash.update(`\0${path}\0`);
    await pipeline(createReadStream(path), hash, { end: false });
  }
  return {
    key: hash.digest('hex'),
    async write(folder) {
      await mkdir(join(folder, 'etc'), { recursive: true });
      await mkdir(join(folder, 'libraries'), { recursive: true });
      await writeFile(join(folder, 'Dockerfile'), DOCKERFILE);
      await writeFile(join(folder, 'etc', 'passwd'), USERS);
      await writeFile(join(folder, 'etc', 'group'), GROUPS);
      await copyFile(node, join(folder, 'node'));
      for (const path of libraries) {
        const target = join(folder, 'libraries', path);
        await mkdir(dirname(target), { recursive: true });
        await copyFile(path, target);
      }
    },
  };
}

/** Absolute paths, as the loader looks them up; none for a static node. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]).catch((error: unknown) => {
    if (error instanceof Error && 'stderr' in error && /not a dynamic executable/.test(String(error.stderr)))
      return { stdout: '' };
    throw error;
  });
  const missing = /^\s*(\S+) => not found/m.exec(stdout)?.[1];
  if (missing !== undefined) throw new Error(`${program} needs ${missing}, which ldd does not find on this machine`);
  return [...stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map((match) => match[1] ?? '');
}
