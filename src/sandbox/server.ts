import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Faults, FaultSpec, ServiceCall } from './types.js';
import { AwsError } from './types.js';
import { sleepReal } from './time.js';
import type { CallLog } from './wire/call-log.js';
import { parseForm } from './wire/form.js';
import type { Policy } from './wire/policy.js';
import type { ServiceName, WireAnswer } from './wire/protocols.js';
import { protocols, serviceOfVersion, ssmTarget } from './wire/protocols.js';
import type { ThrottleSettings } from './wire/throttle.js';
import { createThrottle } from './wire/throttle.js';

/** One AWS service: takes a call, gives the result in the names of the wire, or rejects with an AwsError. */
export type Service = (call: ServiceCall) => Promise<Record<string, unknown>>;

/** Answers a request below /_sandbox/. `path` is what follows, `body` the parsed JSON body or undefined. */
export type ControlHandler = (
  method: string,
  path: string,
  body: unknown,
) => Promise<{ status: number; body: unknown }>;

export interface WireOptions {
  readonly services: Readonly<Record<ServiceName, Service>>;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly control: ControlHandler;
  /** Absent: calls are not throttled. Each service gets a bucket of its own. */
  readonly throttle?: ThrottleSettings;
  /** Absent: every call is allowed. */
  readonly policy?: Policy;
}

export interface WireServer {
  /** http://127.0.0.1:PORT */
  readonly endpoint: string;
  close(): Promise<void>;
}

interface Request {
  readonly service: ServiceName;
  readonly operation: string;
  readonly params: Record<string, unknown>;
}

/** What happens to a request: an answer, or `cut`: the connection is closed without one. */
type Reaction =
  { readonly answer: WireAnswer; readonly outcome: string } | { readonly cut: true; readonly outcome: string };

const maxBodyBytes = 4 * 1024 * 1024;

/** Starts the AWS endpoint of the sandbox on a free port of 127.0.0.1, together with its control API. */
export async function startWire(options: WireOptions): Promise<WireServer> {
  const closing = new AbortController();
  const take = throttles(options.throttle);

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    const path = new URL(request.url ?? '/', 'http://sandbox').pathname;
    if (path.startsWith('/_sandbox/')) {
      const answer = await options.control(request.method ?? 'GET', path.slice('/_sandbox/'.length), parseJson(body));
      send(response, answer.status, 'application/json', JSON.stringify(answer.body));
      return;
    }
    const requestId = randomUUID();
    response.setHeader('x-amzn-requestid', requestId);
    const call = route(request, body);
    const start = performance.now();
    const reaction = await react(call, requestId, accessKeyOf(request));
    options.calls.add({
      time: new Date().toISOString(),
      service: call.service,
      operation: call.operation,
      requestId,
      outcome: reaction.outcome,
      durationMs: Math.round(performance.now() - start),
    });
    if ('cut' in reaction) {
      request.socket.destroy();
      return;
    }
    send(response, reaction.answer.status, reaction.answer.contentType, reaction.answer.body);
  };

  const react = async (
    { service, operation, params }: Request,
    requestId: string,
    accessKey: string,
  ): Promise<Reaction> => {
    const protocol = protocols[service];
    const fail = (error: AwsError): Reaction => ({ answer: protocol.failure(error, requestId), outcome: error.code });
    if (!take(service)) {
      return fail(new AwsError(protocol.throttled.code, protocol.throttled.message, protocol.throttled.status));
    }
    const denied = options.policy?.judge({ service, operation, params, accessKey });
    if (denied !== undefined) {
      return fail(denied);
    }
    const before = await playFault('before', operation);
    if (before !== undefined) {
      return before instanceof AwsError ? fail(before) : before;
    }
    let result: Record<string, unknown>;
    try {
      result = await options.services[service]({ operation, params, requestId, signal: closing.signal });
    } catch (error) {
      return fail(error instanceof AwsError ? error : new AwsError('InternalFailure', describe(error), 500));
    }
    const after = await playFault('after', operation);
    if (after !== undefined) {
      return after instanceof AwsError ? fail(after) : after;
    }
    return { answer: protocol.success(operation, result, requestId), outcome: 'ok' };
  };

  /** Plays the armed API faults of a call: an error to send, a cut connection, or (after a hang) nothing. */
  const playFault = async (when: 'before' | 'after', operation: string): Promise<AwsError | Reaction | undefined> => {
    const matches = (fault: FaultSpec & { operation: string; when: string }): boolean =>
      fault.when === when && (fault.operation === '*' || fault.operation === operation);
    const hang = options.faults.take('api-hang', matches);
    if (hang !== undefined) {
      await sleepReal(hang.ms, closing.signal);
    }
    if (options.faults.take('api-drop', matches) !== undefined) {
      return { cut: true, outcome: `dropped ${when} effect` };
    }
    const error = options.faults.take('api-error', matches);
    return error === undefined
      ? undefined
      : new AwsError(error.code, `${error.code} (a fault that this sandbox was told to play)`, error.status);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (closing.signal.aborted || response.headersSent) {
        request.socket.destroy();
        return;
      }
      send(response, error instanceof BadRequest ? error.status : 500, 'text/plain', describe(error));
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('the sandbox endpoint has no TCP address');
  }
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        closing.abort(new Error('the sandbox is closing'));
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

class BadRequest extends Error {
  constructor(
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

function route(request: IncomingMessage, body: string): Request {
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') {
    if (!target.startsWith(ssmTarget)) {
      throw new BadRequest(`X-Amz-Target is ${target}; this sandbox serves ${ssmTarget}… (SSM) only`);
    }
    return { service: 'ssm', operation: target.slice(ssmTarget.length), params: asRecord(parseJson(body) ?? {}) };
  }
  const { Action: action, Version: version, ...params } = parseForm(body);
  const service = typeof version === 'string' ? serviceOfVersion[version] : undefined;
  if (typeof action !== 'string' || action === '' || service === undefined) {
    throw new BadRequest(
      `a call of Action ${JSON.stringify(action)}, Version ${JSON.stringify(version)}; this sandbox serves ` +
        'EC2 (2016-11-15), ELBv2 (2015-12-01), STS (2011-06-15) and SSM (X-Amz-Target)',
    );
  }
  if (!/^[A-Za-z0-9]+$/.test(action)) {
    throw new BadRequest(`Action is ${JSON.stringify(action)}; it must be the name of an operation`);
  }
  return { service, operation: action, params };
}

/** Who signed, without checking that they did: `AWS4-HMAC-SHA256 Credential=KEY/date/…`. */
function accessKeyOf(request: IncomingMessage): string {
  return /Credential=([^/,\s]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

function throttles(settings: ThrottleSettings | undefined): (service: ServiceName) => boolean {
  if (settings === undefined) {
    return () => true;
  }
  const buckets = new Map<ServiceName, () => boolean>();
  return (service) => {
    const bucket = buckets.get(service) ?? createThrottle(settings);
    buckets.set(service, bucket);
    return bucket();
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > maxBodyBytes) {
      throw new BadRequest(`the request body is over ${maxBodyBytes} bytes`, 413);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(body: string): unknown {
  if (body === '') {
    return undefined;
  }
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new BadRequest(`the request body is not JSON: ${describe(error)}`);
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadRequest('the request body must be a JSON object');
  }
  return { ...value };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
