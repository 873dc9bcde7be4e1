import type { HttpPort, HttpSample } from '../engine/ports.js';

/** No more of an answer is read than this. */
const BODY_LIMIT = 64 * 1024;

/**
 * Probes by undici. Every probe is a connection of its own, as a new visitor's is: a kept one would go on being answered by a target that new
 * visitors don't reach any more. Redirects are answers, not followed. The time limit covers everything from the name lookup to the body.
 *
 * `ok` of a sample: the status was 200-299 and the body arrived. A sample without `status` had no answer; `error` then says why in words.
 */
export function createHttp(): HttpPort {
  let opened: ReturnType<typeof open> | undefined;
  return {
    async probe(url, options, signal) {
      // Loaded when the first probe is sent: most commands send none.
      const { request, agent } = await (opened ??= open());
      const cut = new AbortController();
      const timer = setTimeout(() => cut.abort('timeout'), options.timeout);
      const stop = (): void => cut.abort('stopped');
      if (signal?.aborted === true) stop();
      signal?.addEventListener('abort', stop, { once: true });
      const start = performance.now();
      let status: number | undefined;
      const sample = (rest: Omit<HttpSample, 'latency' | 'status'>): HttpSample => ({
        ...rest,
        latency: performance.now() - start,
        ...(status === undefined ? {} : { status }),
      });
      try {
        const answer = await request(url, {
          dispatcher: agent,
          method: 'GET',
          headers: { 'user-agent': 'deployctl-probe', ...options.headers },
          signal: cut.signal,
          headersTimeout: options.timeout,
          bodyTimeout: options.timeout,
        });
        status = answer.statusCode;
        const body = await firstOf(answer.body);
        return sample({ ok: status >= 200 && status <= 299, body });
      } catch (error) {
        return sample({ ok: false, error: words(error, cut.signal, options.timeout) });
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
      }
    },
  };
}

async function open() {
  const { Agent, request } = await import('undici');
  // Without pipelining undici sends `Connection: close` and keeps no connection (undici, docs/api/Client.md, "pipelining").
  return { request, agent: new Agent({ pipelining: 0 }) };
}

async function firstOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  // Leaving the loop early destroys the stream, and with it the connection.
  for await (const part of stream) {
    parts.push(part);
    size += part.length;
    if (size >= BODY_LIMIT) break;
  }
  return Buffer.concat(parts).subarray(0, BODY_LIMIT).toString('utf8');
}

const KNOWN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  UND_ERR_SOCKET: 'connection closed in the middle',
  EPIPE: 'connection closed in the middle',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name could not be looked up',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped in the middle',
  ERR_INVALID_URL: 'not a URL',
  UND_ERR_INVALID_ARG: 'not a URL',
};

/** Never the URL: it may hold a key. */
function words(error: unknown, cut: AbortSignal, timeout: number): string {
  if (cut.aborted) return cut.reason === 'timeout' ? `no complete answer within ${timeout} ms` : 'stopped';
  const code = codeOf(error);
  if (code === undefined) return 'request failed';
  return KNOWN[code] ?? `request failed (${code})`;
}

/** The code of an error, or of the first error within it (happy eyeballs gives an AggregateError). */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code;
  if ('errors' in error && Array.isArray(error.errors)) return codeOf(error.errors[0]);
  return 'cause' in error ? codeOf(error.cause) : undefined;
}
