import type { IncomingMessage } from 'node:http';

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'transfer-encoding',
  'expect',
]);
const forwarded: ReadonlySet<string> = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-port']);

let traces = 0;

/**
 * The headers that go to the target: the client's as they came, without those of the connection, with X-Forwarded-*
 * and a trace id. Source: ALB guide, X-Forwarded headers (append) and request tracing.
 */
export function requestHeaders(request: IncomingMessage, port: string): string[] {
  const headers: string[] = [];
  const raw = request.rawHeaders;
  let chain = '';
  let traced = false;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    const lower = name.toLowerCase();
    if (forwarded.has(lower)) {
      chain = lower === 'x-forwarded-for' ? (chain === '' ? value : `${chain}, ${value}`) : chain;
    } else if (!hopByHop.has(lower)) {
      traced ||= lower === 'x-amzn-trace-id';
      headers.push(name, value);
    }
  }
  if (request.headers['transfer-encoding'] !== undefined) {
    headers.push('Transfer-Encoding', 'chunked');
  } else if (request.headers['content-length'] === undefined && !bodiless.has(request.method ?? '')) {
    headers.push('Content-Length', '0');
  }
  const client = request.socket.remoteAddress ?? '';
  headers.push('X-Forwarded-For', chain === '' ? client : `${chain}, ${client}`);
  headers.push('X-Forwarded-Proto', 'http', 'X-Forwarded-Port', port);
  if (!traced) {
    const seconds = Math.floor(Date.now() / 1000).toString(16);
    headers.push('X-Amzn-Trace-Id', `Root=1-${seconds}-${(++traces).toString(16).padStart(24, '0')}`);
  }
  return headers;
}

const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/** The target's headers without those of its connection, with the load balancer's cookies. */
export function responseHeaders(raw: readonly string[], cookies: readonly string[]): string[] {
  const headers: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (!hopByHop.has(name.toLowerCase())) {
      headers.push(name, raw[index + 1] ?? '');
    }
  }
  for (const cookie of cookies) {
    headers.push('Set-Cookie', cookie);
  }
  return headers;
}

/** Whether a body follows the request's head. */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
