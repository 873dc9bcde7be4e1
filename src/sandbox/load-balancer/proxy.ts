import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Action } from '../services/elbv2/actions.js';
import type { Hosts, SandboxTime } from '../types.js';
import type { AccessLog } from './access-log.js';
import { Exchange } from './exchange.js';
import { hasBody, requestHeaders, responseHeaders } from './headers.js';
import type { BalancerNode, Line, Rule } from './node.js';
import { pathOf } from './match.js';
import type { TargetView } from './views.js';

export interface ProxyContext {
  readonly time: SandboxTime;
  readonly hosts: Pick<Hosts, 'serving'>;
  readonly log: AccessLog;
  /** The listener's port, in text. */
  readonly port: () => string;
}

/** Connecting to a target takes at most 10 s (ALB guide, troubleshooting, HTTP 504), scaled, but at least 1 s. */
export function connectMs(time: SandboxTime): number {
  return Math.max(time.real(10_000), 1000);
}

const gatewayTexts: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
};

/** An answer that the load balancer makes itself. */
export function ownAnswer(response: ServerResponse, status: number, cookies: readonly string[] = []): void {
  const text = gatewayTexts[status] ?? String(status);
  const body = `<html>\r\n<head><title>${status} ${text}</title></head>\r\n<body>\r\n<center><h1>${status} ${text}</h1></center>\r\n</body>\r\n</html>\r\n`;
  response.writeHead(status, text, [
    ...['Server', 'awselb/2.0', 'Date', new Date().toUTCString(), 'Content-Type', 'text/html'],
    ...['Content-Length', String(Buffer.byteLength(body))],
    ...cookies.flatMap((cookie) => ['Set-Cookie', cookie]),
  ]);
  response.end(body);
}

/**
 * Answers one request: finds its rule and runs the rule's last action. Authentication actions are taken as passed. A
 * request is sent to one target once; what fails there fails for the client.
 */
export function serve(
  context: ProxyContext,
  node: BalancerNode,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const rule = node.match(request);
  const exchange = new Exchange(request, rule, context.log, context.hosts);
  const action = rule?.action;
  if (rule === undefined || action === undefined) {
    exchange.error = 'the listener has no rule yet';
    answer(exchange, response, 503);
    return;
  }
  if (action.type !== 'forward') {
    finishOnClose(exchange, response);
    answerLocally(action, request, response, context.port());
    return;
  }
  const { group, target, cookies } = node.choose(rule, action.forward, request);
  exchange.dispatch(group, target);
  if (target === undefined) {
    exchange.error = noTarget(rule, group !== undefined);
    answer(exchange, response, 503, cookies);
    return;
  }
  forward(context, node, request, response, exchange, target, cookies);
}

export function noTarget(rule: Rule, hasGroup: boolean): string {
  return hasGroup
    ? 'the target group has no registered target'
    : `no target group of rule ${rule.priority} has a weight`;
}

function answer(exchange: Exchange, response: ServerResponse, status: number, cookies: readonly string[] = []): void {
  finishOnClose(exchange, response);
  ownAnswer(response, status, cookies);
}

/** Logs when the client has its answer, or went away before it had (460). */
function finishOnClose(exchange: Exchange, response: ServerResponse, onGone: () => void = () => undefined): void {
  response.on('close', () => {
    if (response.writableFinished) {
      exchange.finish(response.statusCode);
    } else if (exchange.error !== null) {
      // The answer was cut short by the target: the client saw its status and a broken body.
      exchange.finish(response.statusCode);
    } else {
      exchange.error = 'the client closed the connection';
      exchange.finish(460);
      onGone();
    }
  });
}

function forward(
  context: ProxyContext,
  node: BalancerNode,
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  target: TargetView,
  cookies: readonly string[],
): void {
  let outgoing: ClientRequest;
  try {
    outgoing = dispatch(node.line(target), request, target, requestHeaders(request, context.port()));
  } catch (error) {
    // What Node refuses to send on (characters that a head may not have) is the client's bad request.
    exchange.error = messageOf(error);
    answer(exchange, response, 400);
    return;
  }

  const fail = (status: 502 | 504, why: string): void => {
    exchange.error ??= why;
    if (response.destroyed || response.writableEnded) {
      return;
    }
    if (response.headersSent) {
      response.destroy();
    } else {
      ownAnswer(response, status, cookies);
    }
    outgoing.destroy();
  };

  finishOnClose(exchange, response, () => {
    outgoing.destroy();
  });
  limitConnect(outgoing, connectMs(context.time), () => {
    fail(504, 'connecting to the target took too long');
  });
  outgoing.setTimeout(node.idleMs, () => {
    fail(504, 'the target was silent for the idle timeout');
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    fail(502, `the target's connection failed: ${error.code ?? error.message}`);
  });
  outgoing.on('response', (incoming) => {
    exchange.targetStatus = incoming.statusCode ?? null;
    try {
      const headers = responseHeaders(incoming.rawHeaders, cookies);
      response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage ?? '', headers);
    } catch (error) {
      fail(502, `the target's answer is malformed: ${messageOf(error)}`);
      return;
    }
    incoming.on('error', (error: NodeJS.ErrnoException) => {
      fail(502, `the target's answer broke off: ${error.code ?? error.message}`);
    });
    incoming.pipe(response);
  });
  if (hasBody(request)) {
    request.on('error', () => outgoing.destroy());
    request.pipe(outgoing);
  } else {
    outgoing.end();
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Opens the request to the target, head not yet sent. */
export function dispatch(line: Line, request: IncomingMessage, target: TargetView, headers: string[]): ClientRequest {
  return httpRequest({
    agent: line.agent,
    host: target.address,
    port: target.registration.port,
    method: request.method,
    path: request.url,
    headers,
    setHost: false,
  });
}

/** Calls `onLate` unless the request's connection is up within `ms`. A pooled connection is up already. */
export function limitConnect(outgoing: ClientRequest, ms: number, onLate: () => void): void {
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) {
      return;
    }
    const timer = setTimeout(onLate, ms);
    const clear = (): void => {
      clearTimeout(timer);
    };
    socket.once('connect', clear);
    socket.once('close', clear);
  });
}

function answerLocally(action: Action, request: IncomingMessage, response: ServerResponse, port: string): void {
  if (action.type === 'fixed-response') {
    const body = action.fixedResponse.MessageBody ?? '';
    response.writeHead(Number(action.fixedResponse.StatusCode), {
      server: 'awselb/2.0',
      date: new Date().toUTCString(),
      'content-type': action.fixedResponse.ContentType ?? 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
    return;
  }
  if (action.type === 'redirect') {
    response.writeHead(action.redirect.StatusCode === 'HTTP_301' ? 301 : 302, {
      server: 'awselb/2.0',
      date: new Date().toUTCString(),
      location: redirectTo(action.redirect, request, port),
      'content-length': 0,
    });
    response.end();
    return;
  }
  ownAnswer(response, 503);
}

type Redirect = Extract<Action, { type: 'redirect' }>['redirect'];

/** Fills the placeholders of a redirect. Source: ALB guide, redirect actions. */
function redirectTo(redirect: Redirect, request: IncomingMessage, port: string): string {
  const [host = ''] = (request.headers.host ?? '').split(':');
  const values: Readonly<Record<string, string>> = {
    protocol: 'http',
    host,
    port,
    path: pathOf(request).slice(1),
    query: (request.url ?? '').split('?').slice(1).join('?'),
  };
  const fill = (text: string): string => text.replace(/#\{(\w+)\}/g, (_all, name: string) => values[name] ?? '');
  const protocol = fill(redirect.Protocol).toLowerCase();
  const query = fill(redirect.Query);
  return `${protocol}://${fill(redirect.Host)}:${fill(redirect.Port)}${fill(redirect.Path)}${query === '' ? '' : `?${query}`}`;
}
