/** What is known of a container: written to the instance's disk at each change, so that it survives a reboot. */
import type { ImageConfig } from './dockerfile.js';
import { DaemonError } from '../errors.js';

export type RestartName = 'no' | 'always' | 'unless-stopped' | 'on-failure';

export interface PortBinding {
  readonly hostIp: string;
  readonly hostPort: number;
  /** `3000/tcp` */
  readonly container: string;
}

/** Ports of other protocols are recorded and bound to nothing: images of this runtime serve HTTP. */
export const isTcp = ({ container }: PortBinding): boolean => !container.endsWith('/udp');

export interface ContainerState {
  status: 'created' | 'running' | 'exited' | 'restarting';
  exitCode: number;
  oomKilled: boolean;
  error: string;
  /** ISO; Go's zero time when it never happened. */
  startedAt: string;
  finishedAt: string;
}

export interface ContainerRecord {
  readonly id: string;
  name: string;
  readonly created: string;
  /** The reference that `docker run` was given. */
  readonly image: string;
  readonly imageId: string;
  readonly digest: string;
  readonly config: ImageConfig;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** Seconds of `--stop-timeout`, or null. */
  readonly stopTimeout: number | null;
  readonly ports: readonly PortBinding[];
  restart: { name: RestartName; max: number };
  readonly autoRemove: boolean;
  readonly networkMode: string;
  memory: number;
  nanoCpus: number;
  readonly binds: readonly string[];
  /** Accepted flags that have no effect in this runtime, as given. */
  readonly recorded: Readonly<Record<string, readonly string[]>>;
  readonly state: ContainerState;
  restartCount: number;
  manuallyStopped: boolean;
}

/** Go's zero time: never. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

const STANDARD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  CONT: 18,
  STOP: 19,
  WINCH: 28,
};

/** The number of `TERM`, `SIGTERM` or `15`. */
export function signalNumber(text: string): number {
  const number = SIGNALS[text.toUpperCase().replace(/^SIG/, '')] ?? Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 64) throw new DaemonError(`Invalid signal: ${text}`);
  return number;
}

/** `NAME=value` as a pair; a name alone has an empty value. */
export function splitEntry(entry: string): [string, string] {
  const sign = entry.indexOf('=');
  return sign < 0 ? [entry, ''] : [entry.slice(0, sign), entry.slice(sign + 1)];
}

/**
 * Environment of a container's processes. HOST and PORT are the runtime's and win: a process without a network of its own
 * cannot listen on "its" port, so it is told where to.
 */
export function processEnvironment(record: ContainerRecord, runtime: Record<string, string>): Record<string, string> {
  // An unpublished container must not be reachable at a port of the instance: 0 asks the system for any free one.
  const port = record.ports.find(isTcp)?.hostPort ?? (record.networkMode === 'host' ? undefined : 0);
  return {
    PATH: STANDARD_PATH,
    HOME: '/root',
    HOSTNAME: record.hostname,
    ...Object.fromEntries(record.env.map((entry) => splitEntry(entry))),
    ...runtime,
    ...(port === undefined ? {} : { PORT: String(port) }),
  };
}
