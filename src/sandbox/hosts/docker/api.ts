/** The few questions that the sandbox asks a Docker engine itself. Source: Docker Engine API reference. */
import { Client, errors } from 'undici';
import { z } from 'zod';
import type { ContainerSummary } from '../../types.js';
import { errnoOf } from '../errors.js';

const LISTED = z.array(z.object({ Id: z.string() }));
const CONTAINER = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  State: z.object({ Status: z.string() }),
  Config: z.object({ Image: z.string(), Labels: z.record(z.string(), z.string()).nullable() }),
  HostConfig: z.object({
    PortBindings: z.record(z.string(), z.array(z.object({ HostPort: z.string() })).nullable()).nullable(),
  }),
});
const IMAGE = z.object({ RepoDigests: z.array(z.string()).nullable() });

const STATES: Readonly<Record<string, ContainerSummary['state']>> = {
  created: 'created',
  running: 'running',
  paused: 'running',
  restarting: 'restarting',
};

/** Whether an error says that nobody listens, or hung up: an engine that is down or restarts. */
export function isHangUp(error: unknown): boolean {
  const code = errnoOf(error) ?? '';
  return error instanceof errors.UndiciError || ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(code);
}

export class EngineApi {
  private readonly client: Client;

  /** @param socket path of the engine's socket; every call rejects while nobody listens there */
  constructor(socket: string) {
    this.client = new Client('http://docker', { socketPath: socket, headersTimeout: 10_000, bodyTimeout: 0 });
  }

  async ping(): Promise<void> {
    await this.get('/_ping');
  }

  /** All containers, running or not. One that goes away meanwhile is left out. */
  async containers(): Promise<ContainerSummary[]> {
    const listed = LISTED.parse(await this.get('/containers/json?all=1'));
    const described = await Promise.all(listed.map(({ Id }) => this.container(Id)));
    return described.filter((one) => one !== undefined);
  }

  /**
   * Calls `changed` at each start and end of a container, and once at the beginning. Settles when the engine hangs up. A
   * client does one thing at a time: it can do nothing else meanwhile.
   */
  async watch(changed: () => void, signal: AbortSignal): Promise<void> {
    const filters = { type: ['container'], event: ['start', 'die', 'destroy', 'pause', 'unpause'] };
    const path = `/events?filters=${encodeURIComponent(JSON.stringify(filters))}`;
    const { statusCode, body } = await this.client.request({ path, method: 'GET', signal });
    if (statusCode !== 200) throw new Error(`the engine answered ${statusCode} to ${path}: ${await body.text()}`);
    changed();
    for await (const chunk of body) {
      if (chunk !== undefined) changed();
    }
  }

  close(): Promise<void> {
    return this.client.destroy();
  }

  private async container(id: string): Promise<ContainerSummary | undefined> {
    const answer = await this.get(`/containers/${id}/json`, 404);
    if (answer === undefined) return undefined;
    const { Name, Image, State, Config, HostConfig } = CONTAINER.parse(answer);
    const ports = Object.values(HostConfig.PortBindings ?? {}).flatMap((list) => list ?? []);
    return {
      id,
      name: Name.replace(/^\//, ''),
      image: Config.Image,
      digest: await this.digestOf(Image, Config.Image),
      state: STATES[State.Status] ?? 'exited',
      hostPorts: ports.map(({ HostPort }) => Number(HostPort)).filter((port) => port > 0),
      labels: Config.Labels ?? {},
    };
  }

  /** Repo digest of an image, the one of the repository that `reference` names where there are several; empty without any. */
  private async digestOf(image: string, reference: string): Promise<string> {
    const answer = await this.get(`/images/${image}/json`, 404);
    const digests = answer === undefined ? [] : (IMAGE.parse(answer).RepoDigests ?? []);
    const repository = reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
    const own = digests.find((one) => one.startsWith(`${repository}@`)) ?? digests[0];
    return own?.replace(/^.*@/, '') ?? '';
  }

  /** @returns the parsed answer; undefined for the status `absent` */
  private async get(path: string, absent?: number): Promise<unknown> {
    const { statusCode, headers, body } = await this.client.request({ path, method: 'GET' });
    const text = await body.text();
    if (statusCode === absent) return undefined;
    if (statusCode !== 200) throw new Error(`the engine answered ${statusCode} to ${path}: ${text.trim()}`);
    return String(headers['content-type']).startsWith('application/json') ? JSON.parse(text) : text;
  }
}
