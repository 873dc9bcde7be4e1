/** `docker pull`, `push`, `build`, `tag`, `images`, `rmi`, `image prune`. Source: Docker docs, "docker image". */
import { join, resolve } from 'node:path';
import { buildImage } from '../build.js';
import { splitEntry } from '../container-record.js';
import type { Engine } from '../engine.js';
import { DaemonError } from '../../errors.js';
import type { Image } from '../images.js';
import { formatReference, parseReference, registryHost } from '../reference.js';
import { command, hasLabels, readFilters, type Context } from './context.js';
import { clockTime, humanDuration, humanSize, printRows, type Row } from './output.js';

const shortId = (id: string): string => id.replace('sha256:', '').slice(0, 12);

/** The full name with Docker Hub's host, as `docker pull` prints it. */
function fullName(text: string): string {
  const reference = parseReference(text);
  const name = formatReference(reference);
  if (registryHost(reference.repository) !== undefined) return name;
  return `docker.io/${reference.repository.includes('/') ? '' : 'library/'}${name}`;
}

/** @param print gets the progress lines */
export async function pullImage(engine: Engine, text: string, print: (line: string) => void): Promise<Image> {
  const reference = parseReference(text);
  const { image, isNew } = await engine.pull(text);
  print(`${reference.digest ?? reference.tag ?? 'latest'}: Pulling from ${reference.repository}\n`);
  print(`Digest: ${image.digest}\n`);
  print(`Status: ${isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${formatReference(reference)}\n`);
  return image;
}

export const pull = command(
  'pull',
  '[OPTIONS] NAME[:TAG|@DIGEST]',
  { bool: ['quiet:q', 'all-tags:a', 'disable-content-trust'], value: ['platform'] },
  [1, 1],
  async ({ call, engine }, flags) => {
    const [name = ''] = flags.args;
    await pullImage(engine, name, (line) => {
      if (!flags.is('quiet')) call.out(line);
    });
    call.out(`${fullName(name)}\n`);
    return 0;
  },
);

export const push = command(
  'push',
  '[OPTIONS] NAME[:TAG]',
  { bool: ['quiet:q', 'all-tags:a', 'disable-content-trust'], value: ['platform'] },
  [1, 1],
  ({ call, engine }, flags) => {
    const [name = ''] = flags.args;
    const reference = parseReference(name);
    const image = engine.push(name);
    if (flags.is('quiet')) call.out(`${fullName(name)}\n`);
    else {
      call.out(`The push refers to repository [${fullName(name).replace(/:[^:/]*$/, '')}]\n`);
      call.out(`${reference.tag ?? 'latest'}: digest: ${image.digest} size: ${image.size}\n`);
    }
    return 0;
  },
);

export const build = command(
  'build',
  '[OPTIONS] PATH | URL | -',
  {
    bool: ['quiet:q', 'no-cache', 'pull', 'rm', 'force-rm'],
    value: ['tag:t', 'file:f', 'build-arg', 'label', 'platform', 'target', 'progress', 'network'],
  },
  [1, 1],
  ({ call, engine }, flags) => {
    const [context = ''] = flags.args;
    if (context === '-' || /^\w+:\/\//.test(context))
      throw new DaemonError(`the build context "${context}" needs a real engine: give a folder`);
    const tags = flags.all('tag').map((text) => formatReference(parseReference(text)));
    const buildArgs = Object.fromEntries(
      flags.all('build-arg').flatMap((text): [string, string][] => {
        const [name, value] = splitEntry(text);
        const taken = text.includes('=') ? value : call.env[name];
        return taken === undefined ? [] : [[name, taken]];
      }),
    );
    const file = flags.one('file');
    return buildImage(
      {
        context: resolve(call.cwd, context),
        ...(file === undefined ? {} : { dockerfile: resolve(call.cwd, file) }),
        buildArgs,
        scratch: join(engine.deps.root, 'var/lib/docker'),
      },
      (image, rootfs, unusedArgs) => {
        if (unusedArgs.length > 0)
          call.err(`[Warning] One or more build-args [${unusedArgs.join(' ')}] were not consumed\n`);
        engine.images.add(image, rootfs);
        for (const tag of tags) engine.images.tag(tag, image.id);
        if (flags.is('quiet')) call.out(`${image.id}\n`);
        else
          call.out(
            `Successfully built ${shortId(image.id)}\n${tags.map((tag) => `Successfully tagged ${tag}\n`).join('')}`,
          );
        return 0;
      },
    );
  },
);

export const tag = command('tag', 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]', {}, [2, 2], ({ engine }, flags) => {
  const [source = '', target = ''] = flags.args;
  const image = engine.images.find(source);
  if (image === undefined) throw new DaemonError(`No such image: ${formatReference(parseReference(source))}`);
  const reference = parseReference(target);
  if (reference.digest !== undefined) throw new DaemonError('refusing to create a tag with a digest reference');
  engine.images.tag(formatReference(reference), image.id);
  return 0;
});

function rowsOf(engine: Engine, image: Image, long: boolean): Row[] {
  const common = {
    ID: long ? image.id : shortId(image.id),
    CreatedSince: `${humanDuration(Date.now() - Date.parse(image.created))} ago`,
    CreatedAt: clockTime(image.created),
    Size: humanSize(image.size),
    Digest: image.digest,
  };
  const names = engine.images.tagsOf(image.id).map((name) => parseReference(name));
  if (names.length > 0)
    return names.map(({ repository, tag: name }) => ({ Repository: repository, Tag: name ?? '<none>', ...common }));
  const [digest] = engine.images.digestsOf(image.id);
  return [{ Repository: digest?.split('@')[0] ?? '<none>', Tag: '<none>', ...common }];
}

/** `shop/*`, `shop/backend:1.*`. */
function matchesReference(pattern: string, row: Row): boolean {
  const [name = '', tagPattern = '*'] = pattern.split(':');
  const glob = (text: string): RegExp =>
    new RegExp(
      `^${text
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\*/g, '[^/]*')
        .replace(/\?/g, '[^/]')}$`,
    );
  return glob(name).test(String(row['Repository'])) && glob(tagPattern).test(String(row['Tag']));
}

export const list = command(
  'images',
  '[OPTIONS] [REPOSITORY[:TAG]]',
  { bool: ['quiet:q', 'no-trunc', 'all:a', 'digests'], value: ['format', 'filter:f'] },
  [0, 1],
  ({ call, engine }, flags) => {
    const filters = readFilters(flags, ['dangling', 'label', 'reference']);
    const patterns = [...flags.args, ...(filters.get('reference') ?? [])];
    const dangling = filters.get('dangling')?.[0];
    const rows = engine.images
      .list()
      .filter((image) => hasLabels(image.config.labels, filters.get('label') ?? []))
      .filter(
        (image) =>
          dangling === undefined ||
          (engine.images.tagsOf(image.id).length === 0) === (dangling === 'true' || dangling === '1'),
      )
      .flatMap((image) => rowsOf(engine, image, flags.is('no-trunc')))
      .filter((row) => patterns.every((pattern) => matchesReference(pattern, row)));
    if (flags.is('quiet')) call.out(rows.map((row) => `${String(row['ID'])}\n`).join(''));
    else {
      const columns = {
        Repository: 'REPOSITORY',
        Tag: 'TAG',
        ...(flags.is('digests') ? { Digest: 'DIGEST' } : {}),
        ID: 'IMAGE ID',
        CreatedSince: 'CREATED',
        Size: 'SIZE',
      };
      call.out(printRows(rows, columns, flags.one('format')));
    }
    return 0;
  },
);

function removeImage(engine: Engine, text: string, force: boolean): string[] {
  const image = engine.images.find(text);
  if (image === undefined)
    throw new DaemonError(
      `No such image: ${/^[0-9a-f]{12,}$/.test(text) ? text : formatReference(parseReference(text))}`,
    );
  const byId = image.id.replace('sha256:', '').startsWith(text.replace('sha256:', ''));
  const tags = engine.images.tagsOf(image.id);
  const name = byId ? undefined : formatReference(parseReference(text));
  const names = [...tags, ...engine.images.digestsOf(image.id)];
  const last = name === undefined || !tags.some((other) => other !== name);
  if (name !== undefined && !last) return engine.images.untag(name);
  if (name?.includes('@') === true && tags.length > 0) return engine.images.untag(name);
  const [user] = engine.usersOf(image);
  if (user !== undefined) {
    const ids = `container ${user.record.id.slice(0, 12)} is using its referenced image ${shortId(image.id)}`;
    if (name === undefined) {
      const kind = user.running
        ? `image is being used by running container ${user.record.id.slice(0, 12)}`
        : `image is being used by stopped container ${user.record.id.slice(0, 12)}`;
      if (user.running || !force)
        throw new DaemonError(
          `conflict: unable to delete ${shortId(image.id)} (${user.running ? 'cannot' : 'must'} be forced) - ${kind}`,
        );
    } else if (!force)
      throw new DaemonError(`conflict: unable to remove repository reference "${text}" (must force) - ${ids}`);
    return names.flatMap((other) => engine.images.untag(other));
  }
  if (byId && tags.length > 1 && !force) {
    throw new DaemonError(
      `conflict: unable to delete ${shortId(image.id)} (must be forced) - image is referenced in multiple repositories`,
    );
  }
  return engine.images.remove(image);
}

export const remove = command(
  'rmi',
  '[OPTIONS] IMAGE [IMAGE...]',
  { bool: ['force:f', 'no-prune'] },
  [1, Infinity],
  ({ call, engine }, flags) => {
    let code = 0;
    for (const name of flags.args) {
      try {
        call.out(
          removeImage(engine, name, flags.is('force'))
            .map((line) => `${line}\n`)
            .join(''),
        );
      } catch (error) {
        if (!(error instanceof DaemonError)) throw error;
        call.err(`Error response from daemon: ${error.message}\n`);
        code = 1;
      }
    }
    return code;
  },
);

/** Removes images without a tag (`-a`: without a container), even such that have a digest, as the classic store does. */
export function pruneImages({ call, engine }: Context, all: boolean, labels: readonly string[]): void {
  const unused = engine.images
    .list()
    .filter((image) => engine.usersOf(image).length === 0)
    .filter((image) => all || engine.images.tagsOf(image.id).length === 0)
    .filter((image) => hasLabels(image.config.labels, labels));
  const lines = unused.flatMap((image) => engine.images.remove(image));
  if (lines.length > 0) call.out(`Deleted Images:\n${lines.join('\n')}\n\n`);
  call.out(`Total reclaimed space: ${humanSize(unused.reduce((sum, image) => sum + image.size, 0))}\n`);
}

export const prune = command(
  'image prune',
  '[OPTIONS]',
  { bool: ['all:a', 'force:f'], value: ['filter'] },
  [0, 0],
  (context, flags) => {
    if (!flags.is('force')) throw new DaemonError('image prune asks on a terminal: add -f');
    pruneImages(context, flags.is('all'), readFilters(flags, ['label']).get('label') ?? []);
    return 0;
  },
);
