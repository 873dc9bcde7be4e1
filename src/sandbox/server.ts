import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Access, Caller } from './access.js';
import type { Faults, FaultSpec, ServiceCall } from './types.js';
import { AwsError } from './types.js';
import { sleepReal } from './time.js';
import { refuseControl, refuseForeign } from './wire/admission.js';
import { authenticate } from './wire/authenticate.js';
import type { CallLog } from './wire/call-log.js';
import type { Policy } from './wire/policy.js';
import type { ServiceName, WireAnswer } from './wire/protocols.js';
import { protocols, serviceOf } from './wire/protocols.js';
import type { Call } from './wire/request.js';
import { BadRequest, parseJson, pathOf, readBody, route, signedRequest } from './wire/request.js';
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
  /** Keys that calls must be signed with, and the token of the control routes. */
  readonly access: Access;
  /** The region that calls must be signed for. */
  readonly region: string;
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

/** What happens to a request: an answer, or `cut`: the connection is closed without one. */
type Reaction =
  { readonly answer: WireAnswer; readonly outcome: string } | { readonly cut: true; readonly outcome: string };

const controlRoot = '/_sandbox/';

/** Starts the AWS endpoint of the sandbox on a free port of 127.0.0.1, together with its control API. */
export async function startWire(options: WireOptions): Promise<WireServer> {
  const closing = new AbortController();
  const take = throttles(options.throttle);

  let port = 0;

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = pathOf(request);
    return path.startsWith(controlRoot)
      ? handleControl(request, response, path.slice(controlRoot.length))
      : handleCall(request, response);
  };

  const handleControl = async (request: IncomingMessage, response: ServerResponse, path: string): Promise<void> => {
    const refusal = refuseForeign(request, port) ?? refuseControl(request, options.access.control);
    if (refusal !== undefined) {
      send(response, refusal.status, 'application/json', JSON.stringify({ error: refusal.error }));
      return;
    }
    const body = await readBody(request);
    const answer = await options.control(request.method ?? 'GET', path, parseJson(body.toString('utf8')));
    send(response, answer.status, 'application/json', JSON.stringify(answer.body));
  };

  /** Whoever has no key gets a refusal: nothing is called, and no fault or entry of the log is used up. */
  const handleCall = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = randomUUID();
    response.setHeader('x-amzn-requestid', requestId);
    const refuse = (error: AwsError, service: ServiceName = 'sts'): void => {
      sendAnswer(response, protocols[service].failure(error, requestId));
    };
    const target = request.headers['x-amz-target'];
    const foreign = refuseForeign(request);
    if (foreign !== undefined) {
      // The body, which would say for which service it is, stays unread.
      refuse(new AwsError('AccessDenied', foreign.error, foreign.status), serviceOf(target, ''));
      return;
    }
    const bytes = await readBody(request);
    const body = bytes.toString('utf8');
    const caller = authenticate(signedRequest(request, bytes), serviceOf(target, body), {
      access: options.access,
      region: options.region,
      now: Date.now,
    });
    if (caller instanceof AwsError) {
      refuse(caller, serviceOf(target, body));
      return;
    }
    const call = route(target, body);
    const start = performance.now();
    const reaction = await react(call, requestId, caller);
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
    sendAnswer(response, reaction.answer);
  };

  const react = async ({ service, operation, params }: Call, requestId: string, caller: Caller): Promise<Reaction> => {
    const protocol = protocols[service];
    const fail = (error: AwsError): Reaction => ({ answer: protocol.failure(error, requestId), outcome: error.code });
    if (!take(service)) {
      return fail(new AwsError(protocol.throttled.code, protocol.throttled.message, protocol.throttled.status));
    }
    const denied = options.policy?.judge({ service, operation, params, caller });
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
    const page = options.faults.take('api-html', matches);
    if (page !== undefined) {
      const body =
        '<!DOCTYPE html>\n<html><body><h1>Proxy</h1><p>a fault that this sandbox was told to play</p></body></html>\n';
      return {
        answer: { status: page.status, contentType: 'text/html', body },
        outcome: `HTML page (HTTP ${page.status})`,
      };
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
  port = portOf(server);
  return {
    endpoint: `http://127.0.0.1:${port}`,
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

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('the sandbox endpoint has no TCP address');
  }
  return address.port;
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

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function sendAnswer(response: ServerResponse, answer: WireAnswer): void {
  send(response, answer.status, answer.contentType, answer.body);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
