/**
 * Images as folders. A registry (one for all instances) knows repositories, tags and manifest digests; a local store (one
 * per instance) knows what was pulled or built there. An image's id is the hash of its config, its digest that of its
 * manifest (config and content): the two differ, as with Docker. Source: OCI image spec, "Image Manifest", "ImageID".
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { sleepReal } from '../../time.js';
import type { ImageConfig } from './dockerfile.js';
import { DaemonError } from '../errors.js';
import { formatReference, parseReference, registryHost, type Reference } from './reference.js';

export interface Image {
  /** sha256:… of the config. */
  readonly id: string;
  /** sha256:… of the manifest. */
  readonly digest: string;
  readonly created: string;
  /** Bytes of content. */
  readonly size: number;
  /** sha256:… of the content. */
  readonly layer: string;
  readonly config: ImageConfig;
}

/** What Docker makes of ECR's answer to a token that has run out. */
const DENIED =
  "pull access denied for %, repository does not exist or may require 'docker login': denied: Your authorization token has expired. Reauthenticate and try again.";

const hex = (digest: string): string => digest.replace('sha256:', '');

function sha256(text: string | Buffer): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** Writes through a temporary name, so that a reader or a crash never sees half a file. */
export function writeAtomically(path: string, text: string): void {
  const temporary = `${path}.${randomUUID()}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

interface ListedFile {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly hash: string;
}

function listFiles(root: string, below = ''): ListedFile[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) return listFiles(root, path);
      const { mode, size } = statSync(join(root, path));
      return [{ path, mode: mode & 0o777, size, hash: sha256(readFileSync(join(root, path))) }];
    });
}

/** Names an image by its content: the same context and arguments give the same id and digest on any machine. */
export function describeImage(rootfs: string, config: ImageConfig, created: Date): Image {
  const files = listFiles(rootfs);
  const layer = sha256(JSON.stringify(files));
  const id = sha256(JSON.stringify({ config, rootfs: [layer] }));
  const digest = sha256(JSON.stringify({ schemaVersion: 2, config: id, layers: [layer] }));
  return {
    id,
    digest,
    created: created.toISOString(),
    size: files.reduce((sum, file) => sum + file.size, 0),
    layer,
    config,
  };
}

/** Image folders by a key: `<root>/<key>/image.json` and `<root>/<key>/rootfs`. */
class ImageFolders {
  constructor(private readonly root: string) {
    mkdirSync(root, { recursive: true });
  }

  rootfs(key: string): string {
    return join(this.root, hex(key), 'rootfs');
  }

  put(key: string, image: Image, rootfs: string): void {
    const target = join(this.root, hex(key));
    if (existsSync(target)) return;
    const temporary = `${target}.${randomUUID()}`;
    mkdirSync(temporary);
    cpSync(rootfs, join(temporary, 'rootfs'), { recursive: true, verbatimSymlinks: true });
    writeFileSync(join(temporary, 'image.json'), JSON.stringify(image));
    renameSync(temporary, target);
  }

  get(key: string): Image {
    return JSON.parse(readFileSync(join(this.root, hex(key), 'image.json'), 'utf8')) as Image;
  }

  keys(): string[] {
    return readdirSync(this.root)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((name) => `sha256:${name}`);
  }

  remove(key: string): void {
    rmSync(join(this.root, hex(key)), { recursive: true, force: true });
  }
}

export interface RegistryFaults {
  readonly down?: boolean;
  readonly denied?: boolean;
  /** Real milliseconds that each pull waits for its first answer. */
  readonly slowMs?: number;
}

/** The registry that all instances of a sandbox share. */
export class Registry {
  private readonly folders: ImageFolders;
  /** How it misbehaves, as a real engine reports it. */
  private faults: RegistryFaults = {};

  constructor(private readonly root: string) {
    this.folders = new ImageFolders(join(root, 'images'));
  }

  private repository(name: string): string {
    return join(this.root, 'repositories', encodeURIComponent(name));
  }

  misbehave(how: RegistryFaults): void {
    this.faults = { ...this.faults, ...how };
  }

  behave(): void {
    this.faults = {};
  }

  /** Lets a pull in. @throws DaemonError as long as a fault keeps it out */
  async admit({ repository }: Reference): Promise<void> {
    const host = registryHost(repository) ?? 'registry-1.docker.io';
    const connect = (): void => {
      if (this.faults.down === true)
        throw new DaemonError(`Get "https://${host}/v2/": dial tcp: connect: connection refused`);
    };
    connect();
    const { slowMs } = this.faults;
    if (slowMs !== undefined) await sleepReal(slowMs);
    // A pull is many requests: what begins while it is under way meets those that are left.
    connect();
    if (this.faults.denied === true) throw new DaemonError(DENIED.replace('%', repository));
  }

  /** Deletes a tag and what it names. @returns false when there is none */
  forget(repository: string, tag: string): boolean {
    const folder = this.repository(repository);
    const file = join(folder, 'tags', tag);
    if (!existsSync(file)) return false;
    rmSync(join(folder, 'digests', hex(readFileSync(file, 'utf8'))), { force: true });
    rmSync(file);
    return true;
  }

  push(repository: string, tag: string, image: Image, rootfs: string): void {
    this.folders.put(image.digest, image, rootfs);
    const folder = this.repository(repository);
    mkdirSync(join(folder, 'tags'), { recursive: true });
    mkdirSync(join(folder, 'digests'), { recursive: true });
    writeFileSync(join(folder, 'digests', hex(image.digest)), '');
    writeAtomically(join(folder, 'tags', tag), image.digest);
  }

  /** @throws DaemonError when the repository, tag or digest is not there */
  resolve(reference: Reference): { image: Image; rootfs: string } {
    const folder = this.repository(reference.repository);
    if (!existsSync(folder)) {
      throw new DaemonError(
        `pull access denied for ${reference.repository}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
      );
    }
    const unknown = (): DaemonError =>
      new DaemonError(`manifest for ${formatReference(reference)} not found: manifest unknown: manifest unknown`);
    if (reference.digest !== undefined && !existsSync(join(folder, 'digests', hex(reference.digest)))) throw unknown();
    const tagFile = join(folder, 'tags', reference.tag ?? 'latest');
    if (reference.digest === undefined && !existsSync(tagFile)) throw unknown();
    const digest = reference.digest ?? readFileSync(tagFile, 'utf8');
    return { image: this.folders.get(digest), rootfs: this.folders.rootfs(digest) };
  }
}

interface Names {
  /** `repo:tag` → image id */
  tags: Record<string, string>;
  /** `repo@sha256:…` → image id */
  digests: Record<string, string>;
}

/** The images on one instance, with the names that point at them (Docker's classic image store). */
export class ImageStore {
  private readonly folders: ImageFolders;
  private readonly namesFile: string;
  private readonly names: Names;

  constructor(root: string) {
    this.folders = new ImageFolders(join(root, 'images'));
    this.namesFile = join(root, 'repositories.json');
    this.names = existsSync(this.namesFile)
      ? (JSON.parse(readFileSync(this.namesFile, 'utf8')) as Names)
      : { tags: {}, digests: {} };
  }

  private save(): void {
    writeAtomically(this.namesFile, JSON.stringify(this.names));
  }

  add(image: Image, rootfs: string): void {
    this.folders.put(image.id, image, rootfs);
  }

  tag(reference: string, id: string): void {
    this.names.tags[reference] = id;
    this.save();
  }

  addDigest(repository: string, image: Image): void {
    this.names.digests[`${repository}@${image.digest}`] = image.id;
    this.save();
  }

  rootfs(image: Image): string {
    return this.folders.rootfs(image.id);
  }

  list(): Image[] {
    return this.folders
      .keys()
      .map((id) => this.folders.get(id))
      .sort((a, b) => (a.created < b.created ? 1 : -1));
  }

  tagsOf(id: string): string[] {
    return Object.keys(this.names.tags).filter((name) => this.names.tags[name] === id);
  }

  digestsOf(id: string): string[] {
    return Object.keys(this.names.digests).filter((name) => this.names.digests[name] === id);
  }

  /** Finds by reference, id or a unique start of an id; undefined when there is none. */
  find(text: string): Image | undefined {
    const short = hex(text);
    if (/^[0-9a-f]{4,64}$/.test(short)) {
      const ids = this.folders.keys().filter((id) => hex(id).startsWith(short));
      if (ids.length === 1 && ids[0] !== undefined) return this.folders.get(ids[0]);
      if (text.startsWith('sha256:')) return undefined;
    }
    const reference = parseReference(text);
    const names = reference.digest === undefined ? this.names.tags : this.names.digests;
    const id = names[formatReference(reference)];
    return id === undefined ? undefined : this.folders.get(id);
  }

  /** Removes one name. @returns the lines that Docker prints */
  untag(name: string): string[] {
    delete this.names.tags[name];
    delete this.names.digests[name];
    this.save();
    return [`Untagged: ${name}`];
  }

  /** Removes an image with all names. @returns the lines that Docker prints */
  remove(image: Image): string[] {
    const lines = [...this.tagsOf(image.id), ...this.digestsOf(image.id)].flatMap((name) => this.untag(name));
    this.folders.remove(image.id);
    return [...lines, `Deleted: ${image.id}`];
  }
}
