/** The stand-in Docker engine of one instance: its images, its containers, its ports. */
import { randomBytes, randomInt } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { ContainerSummary, SandboxTime } from '../../types.js';
import { Container, type ContainerDeps } from './container.js';
import { isTcp, ZERO_TIME, type ContainerRecord, type PortBinding, type RestartName } from './container-record.js';
import type { ImageConfig } from './dockerfile.js';
import { DaemonError, errnoOf } from '../errors.js';
import { ImageStore, type Image, type Registry } from './images.js';
import { formatReference, parseReference, registryHost } from './reference.js';
import type { StartQueue } from '../start-queue.js';

export interface EngineDeps {
  readonly stateDir: string;
  /** The instance's disk. */
  readonly root: string;
  readonly address: string;
  readonly time: SandboxTime;
  readonly registry: Registry;
  /** Shared by all instances: they share one machine's processors. */
  readonly starts: StartQueue;
}

/** What `docker create` was asked for. `config` is the image's, with the command line's changes. */
export interface CreateRequest {
  readonly name?: string;
  readonly reference: string;
  readonly image: Image;
  readonly config: ImageConfig;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname?: string;
  readonly stopTimeout: number | null;
  /** Host port 0 means any free one. */
  readonly ports: readonly PortBinding[];
  readonly restart: { readonly name: RestartName; readonly max: number };
  readonly autoRemove: boolean;
  readonly networkMode: string;
  readonly memory: number;
  readonly nanoCpus: number;
  readonly binds: readonly string[];
  readonly recorded: Readonly<Record<string, readonly string[]>>;
}

const ADJECTIVES = ['brave', 'calm', 'eager', 'jolly', 'keen', 'quiet', 'swift', 'witty'] as const;
const NOUNS = ['curie', 'darwin', 'euler', 'gauss', 'hopper', 'lovelace', 'noether', 'turing'] as const;

function randomName(): string {
  const pick = <T>(list: readonly T[]): T | undefined => list[randomInt(list.length)];
  return `${pick(ADJECTIVES) ?? 'calm'}_${pick(NOUNS) ?? 'turing'}${randomInt(100)}`;
}

/** Whether something outside the engine listens on a port already. */
function portIsFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (errnoOf(error) === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, address, () =>
      server.close(() => {
        resolve(true);
      }),
    );
  });
}

function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => {
      const bound = server.address();
      server.close(() => {
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    });
  });
}

export class Engine {
  readonly images: ImageStore;
  /** Registries that `docker login` was run for, with the user. */
  readonly logins = new Map<string, string>();
  /** Names of networks; a name is all there is to them without namespaces. */
  readonly networks = new Set(['bridge', 'host', 'none']);
  private readonly containersById = new Map<string, Container>();
  private readonly claims = new Map<number, Container>();
  private off = false;
  private readonly folder: string;
  private readonly containerDeps: ContainerDeps;

  constructor(readonly deps: EngineDeps) {
    this.folder = join(deps.root, 'var/lib/docker');
    mkdirSync(join(this.folder, 'containers'), { recursive: true });
    this.images = new ImageStore(this.folder);
    this.containerDeps = {
      time: deps.time,
      starts: deps.starts,
      stateDir: deps.stateDir,
      address: deps.address,
      claimPorts: (container) => this.claimPorts(container),
      releasePorts: (container) => {
        for (const [port, owner] of this.claims) if (owner === container) this.claims.delete(port);
      },
      removed: (container) => this.containersById.delete(container.record.id),
    };
  }

  /** As /etc/docker/daemon.json of the instance has it; on where that says nothing. */
  get liveRestore(): boolean {
    const file = join(this.deps.root, 'etc/docker/daemon.json');
    if (!existsSync(file)) return true;
    const config = JSON.parse(readFileSync(file, 'utf8')) as { readonly 'live-restore'?: boolean };
    return config['live-restore'] ?? true;
  }

  /** Reads the containers from the disk and starts those with a restart policy. */
  async boot(): Promise<void> {
    for (const id of readdirSync(join(this.folder, 'containers'))) {
      const container = Container.load(join(this.folder, 'containers', id), this.containerDeps);
      if (container !== undefined) this.containersById.set(id, container);
    }
    // One that cannot start (its port is taken) says so in its own state and must not keep the others down.
    await Promise.allSettled(this.list().map((container) => container.boot()));
  }

  /** Every process dies at once; records stay on the disk. */
  async powerOff(): Promise<void> {
    this.off = true;
    await Promise.all(this.list().map((container) => container.powerOff()));
    this.containersById.clear();
    this.claims.clear();
  }

  /** Newest first, as `docker ps`. */
  list(): Container[] {
    return [...this.containersById.values()]
      .reverse()
      .sort((a, b) => (a.record.created < b.record.created ? 1 : a.record.created > b.record.created ? -1 : 0));
  }

  summaries(): ContainerSummary[] {
    return this.list().map(({ record }) => ({
      id: record.id,
      name: record.name,
      image: record.image,
      digest: record.digest,
      state: record.state.status,
      hostPorts: record.ports.map((port) => port.hostPort),
      labels: record.labels,
    }));
  }

  serving(port: number): Container | undefined {
    const container = this.claims.get(port);
    return container?.running === true ? container : undefined;
  }

  /** Finds by name, id or a unique start of an id. */
  find(text: string): Container | undefined {
    const name = text.replace(/^\//, '');
    const exact = this.containersById.get(text) ?? this.list().find(({ record }) => record.name === name);
    if (exact !== undefined || !/^[0-9a-f]+$/.test(text)) return exact;
    const found = this.list().filter(({ record }) => record.id.startsWith(text));
    if (found.length > 1) throw new DaemonError(`multiple IDs found with provided prefix: ${text}`);
    return found[0];
  }

  /** @throws DaemonError when there is none */
  get(text: string): Container {
    const container = this.find(text);
    if (container === undefined) throw new DaemonError(`No such container: ${text}`);
    return container;
  }

  private async claimPorts(container: Container): Promise<void> {
    for (const { hostIp, hostPort, container: inside } of container.record.ports.filter(isTcp)) {
      const endpoint = `failed to set up container networking: driver failed programming external connectivity on endpoint ${container.record.name} (${container.record.id}):`;
      const owner = this.claims.get(hostPort);
      if (owner !== undefined && owner !== container) {
        throw new DaemonError(`${endpoint} Bind for ${hostIp}:${hostPort} failed: port is already allocated`);
      }
      this.claims.set(hostPort, container);
      if (!(await portIsFree(this.deps.address, hostPort))) {
        throw new DaemonError(
          `${endpoint} failed to bind host port for ${hostIp}:${hostPort}:${this.deps.address}:${inside}: address already in use`,
        );
      }
    }
  }

  private checkName(name: string, own?: Container): void {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
      throw new DaemonError(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
    }
    const other = this.list().find(({ record }) => record.name === name);
    if (other === undefined || other === own) return;
    throw new DaemonError(
      `Conflict. The container name "/${name}" is already in use by container "${other.record.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }

  async create(request: CreateRequest): Promise<Container> {
    const ports: PortBinding[] = [];
    for (const port of request.ports) {
      ports.push(port.hostPort === 0 ? { ...port, hostPort: await freePort(this.deps.address) } : port);
    }
    if (this.off) throw new DaemonError('the engine is shutting down');
    // From here on nothing waits, so that two creations cannot both find a name free.
    const name = request.name ?? randomName();
    this.checkName(name);
    const id = randomBytes(32).toString('hex');
    const { image, config } = request;
    const record: ContainerRecord = {
      id,
      name,
      created: new Date().toISOString(),
      image: request.reference,
      imageId: image.id,
      digest: image.digest,
      config,
      env: request.env,
      labels: request.labels,
      hostname: request.hostname ?? id.slice(0, 12),
      stopTimeout: request.stopTimeout,
      ports,
      restart: { ...request.restart },
      autoRemove: request.autoRemove,
      networkMode: request.networkMode,
      memory: request.memory,
      nanoCpus: request.nanoCpus,
      binds: request.binds,
      recorded: request.recorded,
      state: {
        status: 'created',
        exitCode: 0,
        oomKilled: false,
        error: '',
        startedAt: ZERO_TIME,
        finishedAt: ZERO_TIME,
      },
      restartCount: 0,
      manuallyStopped: false,
    };
    const folder = join(this.folder, 'containers', id);
    mkdirSync(folder, { recursive: true });
    cpSync(this.images.rootfs(image), join(folder, 'rootfs'), { recursive: true, verbatimSymlinks: true });
    const container = new Container(record, folder, this.containerDeps);
    mkdirSync(container.cwd, { recursive: true });
    container.save();
    this.containersById.set(id, container);
    return container;
  }

  rename(container: Container, name: string): void {
    if (container.record.name === name)
      throw new DaemonError('Renaming a container with the same name as its current name');
    this.checkName(name, container);
    container.record.name = name;
    container.save();
  }

  /** @throws DaemonError when it is not in the registry, or the registry wants a login */
  async pull(text: string): Promise<{ readonly image: Image; readonly isNew: boolean }> {
    const reference = parseReference(text);
    await this.deps.registry.admit(reference);
    const host = registryHost(reference.repository);
    // ECR gives nothing without a token (ECR guide, "Private registry authentication").
    if (host !== undefined && /\.dkr\.ecr\./.test(host) && !this.logins.has(host)) {
      throw new DaemonError(
        `Head "https://${host}/v2/${reference.repository.slice(host.length + 1)}/manifests/${reference.tag ?? reference.digest ?? ''}": no basic auth credentials`,
      );
    }
    const { image, rootfs } = this.deps.registry.resolve(reference);
    const isNew = this.images.find(image.id) === undefined;
    this.images.add(image, rootfs);
    if (reference.digest === undefined) this.images.tag(formatReference(reference), image.id);
    this.images.addDigest(reference.repository, image);
    return { image, isNew };
  }

  push(text: string): Image {
    const reference = parseReference(text);
    const image = this.images.find(text);
    if (image === undefined || reference.tag === undefined) {
      throw new DaemonError(`An image does not exist locally with the tag: ${reference.repository}`);
    }
    this.deps.registry.push(reference.repository, reference.tag, image, this.images.rootfs(image));
    this.images.addDigest(reference.repository, image);
    return image;
  }

  usersOf(image: Image): Container[] {
    return this.list().filter(({ record }) => record.imageId === image.id);
  }
}
