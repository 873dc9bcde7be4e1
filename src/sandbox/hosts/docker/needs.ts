/** What runtime `docker` needs of the machine, looked at before anything is started. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from '../errors.js';

const run = promisify(execFile);

/** Where system programs live on Linux; PATH may be shorter (cron, sudo), and comes first. */
const SYSTEM = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** What is looked at, as it is here. */
const HERE = {
  platform: process.platform as string,
  uid: process.getuid?.(),
  folders: [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...SYSTEM],
};

/** Program → Debian package. The first name that is found counts. */
const PROGRAMS = {
  dockerd: { names: ['dockerd'], from: 'docker.io' },
  containerd: { names: ['containerd'], from: 'docker.io' },
  docker: { names: ['docker'], from: 'docker.io' },
  registry: { names: ['docker-registry', 'registry'], from: 'docker-registry' },
  ip: { names: ['ip'], from: 'iproute2' },
  iptables: { names: ['iptables'], from: 'iptables' },
  nsenter: { names: ['nsenter'], from: 'util-linux' },
  unshare: { names: ['unshare'], from: 'util-linux' },
  setpriv: { names: ['setpriv'], from: 'util-linux' },
  flock: { names: ['flock'], from: 'util-linux' },
  openssl: { names: ['openssl'], from: 'openssl' },
  curl: { names: ['curl'], from: 'curl' },
} as const;

/** Absolute paths of the programs that the runtime calls. `docker` is the client of dockerd's own version where there is one. */
export type Programs = Readonly<Record<keyof typeof PROGRAMS, string>>;

/** Why the machine cannot run it; the message is a sentence with what to type. */
export class MissingNeeds extends Error {
  /** Read by the command line: refused before anything was done. */
  readonly oclif = { exit: 12 } as const;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

function found(names: readonly string[], folders: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => folders.map((folder) => join(folder, name))))].filter(isExecutable);
}

/** `20.10.24+dfsg1` of "Docker version 20.10.24+dfsg1, build 5d6db84". */
async function versionOf(program: string): Promise<string | undefined> {
  const { stdout } = await run(program, ['--version']);
  return /version ([^\s,]+)/.exec(stdout)?.[1];
}

/** A machine may have several clients: the one that came with the engine knows all that the engine does. */
async function clientOf(dockerd: string, clients: readonly string[]): Promise<string> {
  const wanted = await versionOf(dockerd);
  const versions = await Promise.all(clients.map(async (path) => ({ path, version: await versionOf(path) })));
  const same = versions.find(({ version }) => version === wanted) ?? versions[0];
  return same?.path ?? join(dirname(dockerd), 'docker');
}

/** @throws MissingNeeds naming everything that is missing */
export async function findPrograms({ platform, uid, folders } = HERE): Promise<Programs> {
  if (platform !== 'linux')
    throw new MissingNeeds(`runtime docker runs on Linux only, this is ${platform}; use --runtime process`);
  if (uid !== 0)
    throw new MissingNeeds(
      `runtime docker needs root for namespaces and a bridge, this is uid ${String(uid)}; ` +
        'run it with sudo, or use --runtime process',
    );
  const all = Object.entries(PROGRAMS).map(([key, { names, from }]) => ({
    key,
    names,
    from,
    paths: found(names, folders),
  }));
  const missing = all.filter(({ paths }) => paths.length === 0);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(({ from }) => from))];
    throw new MissingNeeds(
      `runtime docker needs ${missing.map(({ names }) => names[0]).join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} ` +
        `not on PATH; install with \`apt-get install -y --no-install-recommends ${packages.join(' ')}\`, or use --runtime process`,
    );
  }
  const paths = Object.fromEntries(all.map((one) => [one.key, one.paths[0] ?? ''])) as Record<keyof Programs, string>;
  return { ...paths, docker: await clientOf(paths.dockerd, found(PROGRAMS.docker.names, folders)) };
}
