/** The machine that is not in the fleet: it has the registry, and an engine that builds images once one is wanted. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageBuild } from '../../types.js';
import { parseReference } from '../process/reference.js';
import { BASE_IMAGE, describeBaseImage, type BaseImage } from './base-image.js';
import { cacheKey, putInCache, takeFromCache } from './cache.js';
import { Engine, type EngineOptions } from './engine.js';
import type { Machine } from './machine.js';
import { forget, startRegistry, type Front } from './registry.js';

export interface WorkshopOptions extends Omit<EngineOptions, 'machine' | 'root' | 'data' | 'certificate'> {
  readonly machine: Machine;
  readonly front: Front;
  readonly root: string;
}

export class Workshop {
  private engine: Promise<Engine> | undefined;
  private base: Promise<BaseImage> | undefined;
  private baseBuilt: Promise<void> | undefined;
  private readonly storage: string;
  private readonly client: string;
  /** Socket of the registry, once it runs. */
  private registry = '';

  constructor(private readonly options: WorkshopOptions) {
    this.storage = join(options.root, 'storage');
    this.client = join(options.root, 'client');
  }

  /** Starts the registry. */
  async start(): Promise<void> {
    const { options, storage } = this;
    mkdirSync(this.client, { recursive: true, mode: 0o700 });
    // ECR asks for a login, and any will do.
    const auths = Object.fromEntries(options.front.names.map((name) => [name, { auth: btoa('AWS:sandbox') }]));
    writeFileSync(join(this.client, 'config.json'), JSON.stringify({ auths }));
    this.registry = await startRegistry({ ...options, folder: options.root, storage });
    options.front.connect(this.registry);
  }

  /** Builds many images, or takes them from an earlier sandbox that built the same ones. Before any other build. */
  async provide(builds: readonly ImageBuild[]): Promise<void> {
    const key = cacheKey((await this.describedBase()).key, builds);
    if (await takeFromCache(key, this.storage)) {
      this.baseBuilt = Promise.resolve();
      return;
    }
    for (const one of builds) await this.build(one);
    await putInCache(key, this.storage);
  }

  /** `docker build` and `docker push`. @returns the repo digest. @throws Error with the output of what failed */
  async build({ context, reference, args = {} }: ImageBuild): Promise<string> {
    const { tag, digest } = parseReference(reference);
    if (tag === undefined || digest !== undefined)
      throw new Error(`cannot build "${reference}": give it a tag, as in shop/backend:1.0.0`);
    this.baseBuilt ??= this.buildBase();
    await this.baseBuilt;
    return this.buildAndPush(context, reference, args);
  }

  /** Deletes an image from the registry. @returns false when it is not there */
  forget(repository: string, tag: string): Promise<boolean> {
    return forget(this.registry, repository, tag);
  }

  async close(): Promise<void> {
    await (await this.engine?.catch(() => undefined))?.close();
  }

  private describedBase(): Promise<BaseImage> {
    return (this.base ??= describeBaseImage());
  }

  private async buildBase(): Promise<void> {
    const context = mkdtempSync(join(this.options.root, 'base-'));
    try {
      await (await this.describedBase()).write(context);
      await this.buildAndPush(context, BASE_IMAGE, {});
    } finally {
      rmSync(context, { recursive: true, force: true });
    }
  }

  private async buildAndPush(
    context: string,
    reference: string,
    args: Readonly<Record<string, string>>,
  ): Promise<string> {
    const flags = Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
    await this.docker('build', '--quiet', '--tag', reference, ...flags, context);
    const pushed = await this.docker('push', reference);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1];
    if (digest === undefined) throw new Error(`docker push ${reference} gave no digest: ${pushed.trim()}`);
    return digest;
  }

  private async docker(...args: readonly string[]): Promise<string> {
    const { machine, front, programs } = this.options;
    this.engine ??= this.startEngine(front.certificate);
    await this.engine;
    return machine.run([programs.docker, ...args], { DOCKER_CONFIG: this.client });
  }

  private async startEngine(certificate: string): Promise<Engine> {
    const engine = new Engine({ ...this.options, data: this.options.root, certificate });
    await engine.start();
    return engine;
  }
}
