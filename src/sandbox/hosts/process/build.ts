import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize, resolve, sep } from 'node:path';
import { parseDockerfile, type CopyStep } from './dockerfile.js';
import { DaemonError } from '../errors.js';
import { describeImage, type Image } from './images.js';

function matches(context: string, source: string): string[] {
  const path = resolve(context, `.${sep}${normalize(source)}`);
  if (path !== context && !path.startsWith(context + sep)) {
    throw new DaemonError(`COPY failed: forbidden path outside the build context: ${source}`);
  }
  const name = basename(path);
  if (!/[*?]/.test(name)) {
    if (!existsSync(path))
      throw new DaemonError(`COPY failed: file not found in build context: stat ${source}: file does not exist`);
    return [path];
  }
  const pattern = new RegExp(
    `^${name
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')}$`,
  );
  const found = readdirSync(dirname(path)).filter((entry) => pattern.test(entry));
  if (found.length === 0)
    throw new DaemonError(`COPY failed: no source files were specified: ${source} matches nothing`);
  return found.map((entry) => join(dirname(path), entry));
}

function copy(context: string, rootfs: string, step: CopyStep): void {
  const into = join(rootfs, step.target);
  for (const source of step.sources.flatMap((path) => matches(context, path))) {
    const isFolder = statSync(source).isDirectory();
    const asFolder = isFolder || step.target.endsWith('/') || (existsSync(into) && statSync(into).isDirectory());
    const target = isFolder || !asFolder ? into : join(into, basename(source));
    mkdirSync(isFolder ? target : dirname(target), { recursive: true });
    cpSync(source, target, { recursive: true, verbatimSymlinks: true });
  }
}

/**
 * Builds an image folder from a context, without running anything.
 * @param use gets the image and its content; the content folder is removed afterwards
 * @throws DaemonError when the Dockerfile is missing, wrong, or needs a real engine
 */
export function buildImage<T>(
  options: {
    readonly context: string;
    readonly dockerfile?: string;
    readonly buildArgs?: Readonly<Record<string, string>>;
    readonly scratch: string;
  },
  use: (image: Image, rootfs: string, unusedArgs: readonly string[]) => T,
): T {
  const context = resolve(options.context);
  const file = resolve(context, options.dockerfile ?? 'Dockerfile');
  if (!existsSync(file)) {
    throw new DaemonError(`failed to read dockerfile: open ${file}: no such file or directory`);
  }
  const { config, copies, unusedArgs } = parseDockerfile(readFileSync(file, 'utf8'), options.buildArgs);
  const rootfs = join(options.scratch, `build-${randomUUID()}`);
  mkdirSync(join(rootfs, config.workingDir), { recursive: true });
  try {
    for (const step of copies) copy(context, rootfs, step);
    return use(describeImage(rootfs, config, new Date()), rootfs, unusedArgs);
  } finally {
    rmSync(rootfs, { recursive: true, force: true });
  }
}
