/**
 * The image registry of a docker sandbox. A real docker-registry runs on a machine of its own, behind a socket that only this user
 * reaches: whoever can write to it decides what instances run. In front of it, on the bridge's address, stands what instances take for
 * Docker Hub and for the account's ECR: it has their names by /etc/hosts, a certificate that the engines trust, and faults on demand.
 */
import { execFile, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleepReal } from '../../time.js';
import { messageOf } from '../errors.js';
import { startProcess } from '../processes.js';
import type { Machine } from './machine.js';
import type { Programs } from './needs.js';

const run = promisify(execFile);

const HUB = 'registry-1.docker.io';
/** Of docker-registry, in the /run of its machine, which nobody else can enter. */
const SOCKET = '/run/registry.sock';
const START_LIMIT_MS = 20_000;
const POLL_MS = 25;

/** What stands for the registry on the bridge, before the registry itself runs. */
export interface Front {
  readonly port: number;
  /** PEM file that engines have to trust. */
  readonly certificate: string;
  /** Names that lead to it. */
  readonly names: readonly string[];
  /** The registry's socket, where requests go. */
  connect(socket: string): void;
  /** `down`: connections are refused. `denied`: every request is. `slowMs`: each answer is so late, in real milliseconds. */
  misbehave(how: { readonly down?: boolean; readonly denied?: boolean; readonly slowMs?: number }): Promise<void>;
  /** Ends all of that. */
  behave(): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param folder gets the certificate and its key; the key is of no use outside this sandbox, and ends with it
 * @param bridge address to listen on
 */
export async function startFront(deps: {
  readonly programs: Programs;
  readonly folder: string;
  readonly bridge: string;
  readonly ecr: string;
}): Promise<Front> {
  const names = [HUB, deps.ecr];
  mkdirSync(deps.folder, { recursive: true, mode: 0o700 });
  const [key, certificate] = [join(deps.folder, 'key.pem'), join(deps.folder, 'certificate.pem')];
  const subject = [
    '-subj',
    '/CN=deployctl-sandbox',
    '-addext',
    `subjectAltName=${names.map((one) => `DNS:${one}`).join(',')}`,
  ];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '365'];
  await run(deps.programs.openssl, ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', certificate]);

  let backend: string | undefined;
  let faults: Parameters<Front['misbehave']>[0] = {};
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    const answer = (): void => {
      if (faults.denied === true) deny(response);
      else if (request.headers.host === deps.ecr && request.headers.authorization === undefined)
        refuse(response, deps.ecr);
      else if (backend === undefined) response.writeHead(503).end();
      else pass(request, response, backend);
    };
    setTimeout(answer, faults.slowMs ?? 0);
  });
  // Users of this machine, and other networks that it has, come from other addresses than the sandbox's machines.
  server.on('connection', (socket: Socket) => {
    if (!isMachine(socket.remoteAddress, deps.bridge)) socket.destroy();
  });
  const listen = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, deps.bridge, () => {
        server.off('error', reject);
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    });
  const port = await listen(0);
  return {
    port,
    certificate,
    names,
    connect: (socket) => {
      backend = socket;
    },
    async misbehave(how) {
      faults = { ...faults, ...how };
      if (how.down === true && server.listening) await closed(server);
    },
    async behave() {
      faults = {};
      if (!server.listening) await listen(port);
    },
    close: () => closed(server),
  };
}

/** Whether an address is one of the bridge's /24, and not the bridge itself. */
function isMachine(address: string | undefined, bridge: string): boolean {
  return address !== undefined && address !== bridge && address.startsWith(bridge.replace(/\d+$/, ''));
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** As ECR to a token that has run out. */
function deny(response: ServerResponse): void {
  const message = 'Your authorization token has expired. Reauthenticate and try again.';
  response.writeHead(403, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code: 'DENIED', message }] }));
}

/** As ECR without a `docker login`: any user and password will do. */
function refuse(response: ServerResponse, realm: string): void {
  const body = JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] });
  response.writeHead(401, {
    'content-type': 'application/json',
    'www-authenticate': `Basic realm="https://${realm}/"`,
  });
  response.end(body);
}

function pass(request: IncomingMessage, response: ServerResponse, socketPath: string): void {
  const { method, url: path, headers } = request;
  // A connection of its own: one that is kept open may be closed by the registry just as an upload begins, which cannot be sent twice.
  const onward = ask({ socketPath, method, path, headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    answer.once('error', () => response.destroy());
  });
  onward.once('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  });
  response.once('close', () => onward.destroy());
  request.pipe(onward);
}

/** Starts docker-registry on a machine. @param storage its folder, which may hold images already. @returns the path of its socket */
export async function startRegistry(deps: {
  readonly programs: Programs;
  readonly machine: Machine;
  readonly folder: string;
  readonly storage: string;
  readonly path: string;
  readonly stateDir: string;
}): Promise<string> {
  mkdirSync(deps.storage, { recursive: true, mode: 0o700 });
  const config = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: deps.storage }, delete: { enabled: true } },
    // An upload goes on where the client began it, behind the front.
    http: { net: 'unix', addr: SOCKET, relativeurls: true, secret: 'one registry needs no shared secret' },
  };
  // JSON is YAML.
  const file = join(deps.folder, 'registry.yml');
  writeFileSync(file, JSON.stringify(config));
  const logFile = join(deps.folder, 'registry.log');
  const log = openSync(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = await startProcess([...deps.machine.enter('/'), deps.programs.registry, 'serve', file], {
      cwd: '/',
      env: { PATH: deps.path, OTEL_TRACES_EXPORTER: 'none', DEPLOYCTL_SANDBOX: deps.stateDir },
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
  const socket = deps.machine.outside(SOCKET);
  const end = performance.now() + START_LIMIT_MS;
  for (;;) {
    const failure = await answers(socket).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    if (failure === undefined) return socket;
    const dead = child.exitCode !== null || child.signalCode !== null;
    if (dead || performance.now() > end) {
      const words = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
      throw new Error(`the registry ${dead ? 'ended' : `does not answer (${failure})`}; its log ends:\n${words}`);
    }
    await sleepReal(POLL_MS);
  }
}

async function answers(socketPath: string): Promise<void> {
  const { statusCode } = await call(socketPath, 'GET', '/v2/');
  if (statusCode !== 200) throw new Error(`status ${String(statusCode)}`);
}

/** One request to docker-registry itself, whose answer has nothing to read. */
function call(
  socketPath: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Pick<IncomingMessage, 'statusCode' | 'headers'>> {
  return new Promise((resolve, reject) => {
    const asked = ask({ socketPath, method, path, headers, timeout: 2000 }, (answer) => {
      answer.resume();
      resolve(answer);
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', reject);
    asked.end();
  });
}

const MANIFESTS = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
];

/** Deletes a tag's manifest. @returns false when there is none */
export async function forget(socket: string, repository: string, tag: string): Promise<boolean> {
  const base = `/v2/${repository}/manifests`;
  const found = await call(socket, 'HEAD', `${base}/${tag}`, { accept: MANIFESTS.join(', ') });
  const digest = found.headers['docker-content-digest'];
  if (found.statusCode === 404 || typeof digest !== 'string') return false;
  const gone = await call(socket, 'DELETE', `${base}/${digest}`);
  if (gone.statusCode !== 202)
    throw new Error(`the registry answered ${String(gone.statusCode)} to the deletion of ${repository}@${digest}`);
  return true;
}
