import type { Fence, HostFacts, HostRequest, SetAside } from '../domain/host.js';
import type { Digest, InstanceId, Ms, ServiceName } from '../domain/ids.js';
import type { Container } from '../domain/observation.js';

/** The answer of the instance script, parsed. */
export type HostReply =
  | {
      readonly ok: true;
      /** The instance had seen this very fence before and did nothing. */
      readonly replayed: boolean;
      readonly containers?: readonly Container[];
      /** The container that now holds the slot (start, restore). */
      readonly container?: Container;
      /** What became of the container that was set aside (restore, stop), where the request asked for it. */
      readonly aside?: SetAside;
      readonly digests?: Readonly<Record<ServiceName, Digest>>;
      /** Answer to sendResolve. */
      readonly digest?: Digest;
      /** Of a watch: open connections, 0 when there was none for the whole window; absent when they could not be read. */
      readonly connections?: number;
      /** Answer to sendAsk: `close`, and what the Keep-Alive header promises. */
      readonly connection?: { readonly closes: boolean; readonly keepAlive?: Ms };
      /** Answer to sendList. */
      readonly running?: readonly RunningContainer[];
      readonly facts?: HostFacts;
    }
  | {
      readonly ok: false;
      /** `fenced`, `pull-failed`, `port-taken`, `start-failed`, `exited`, `unhealthy`, `check-failed`, `task-failed`, `lock-timeout`, `broken-output`, … */
      readonly code: string;
      readonly message: string;
      readonly lastProbe?: string;
      readonly exitCode?: number;
      readonly oomKilled?: boolean;
      readonly logTail?: string;
      readonly containers?: readonly Container[];
      /** What the instance follows. */
      readonly fence?: { readonly highest?: Fence };
    };

export type HostCommandState =
  | { readonly is: 'pending' }
  | { readonly is: 'replied'; readonly reply: HostReply }
  /** Killed, undelivered or unreadable: it may have done any part of its work, or do it later. */
  | { readonly is: 'lost'; readonly why: string };

/** A running container, whoever started it. */
export interface RunningContainer {
  readonly name: string;
  /** As it was given to docker run: `shop/backend:1.0.0`. */
  readonly image: string;
  /** Published TCP ports. */
  readonly ports: readonly { readonly host: number; readonly container: number }[];
}

/** A running container and where it is asked. */
export interface AskedContainer {
  readonly container: string;
  readonly port: number;
  readonly containerPort: number;
  readonly path: string;
  readonly timeout: Ms;
}

/**
 * A request that no instance can ever be sent: a value that cannot be encoded, or more than SSM takes in one command. Nothing was sent. The message names
 * the field and never a value.
 */
export class UnsendableRequest extends Error {
  readonly tooLarge: boolean;

  constructor(message: string, options: { readonly tooLarge: boolean; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'UnsendableRequest';
    this.tooLarge = options.tooLarge;
  }
}

/** Commands on instances: one request, one command, one answer. */
export interface HostPort {
  /** Why the request could never be sent; undefined: it can. Asks nobody. */
  flaw(request: HostRequest, timeout: Ms): UnsendableRequest | undefined;
  /** One attempt. @returns the command id. Rejects with PortError, or with UnsendableRequest. */
  send(
    command: {
      readonly instance: InstanceId;
      readonly request: HostRequest;
      readonly fence?: Fence;
      readonly timeout: Ms;
    },
    signal?: AbortSignal,
  ): Promise<string>;
  poll(
    commands: readonly { readonly id: string; readonly instance: InstanceId }[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, HostCommandState>>;
  /** Asks an instance for the digest of a tag, by pulling it there. @returns the command id, to be polled */
  sendResolve(
    command: { readonly instance: InstanceId; readonly repository: string; readonly tag: string; readonly timeout: Ms },
    signal?: AbortSignal,
  ): Promise<string>;
  /** Lists what runs on an instance. Changes nothing. @returns the command id, to be polled */
  sendList(command: { readonly instance: InstanceId }, signal?: AbortSignal): Promise<string>;
  /** Asks a running container's health path how long it keeps connections. Changes nothing. @returns the command id, to be polled */
  sendAsk(command: { readonly instance: InstanceId } & AskedContainer, signal?: AbortSignal): Promise<string>;
}
