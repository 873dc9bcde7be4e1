import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { runLoad } from '../../src/sandbox/load/index.js';
import { Histogram } from '../../src/sandbox/load/histogram.js';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const started = createServer(handler);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const address = started.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

const never = new AbortController().signal;

describe('a load', () => {
  it('sends at its rate over all connections and counts versions', async () => {
    const sockets = new Set<unknown>();
    const url = await serve((request, response) => {
      sockets.add(request.socket);
      response.setHeader('x-shop-version', request.url === '/api/' ? '1.1.0' : '1.0.0').end('hello');
    });
    const summary = await runLoad({
      url,
      rate: 200,
      connections: 10,
      paths: ['/', '/api/'],
      durationMs: 1000,
      signal: never,
    });
    expect(summary).toMatchObject({
      requests: 200,
      failures: 0,
      broken: 0,
      byStatus: { '200': 200 },
      byVersion: { '1.0.0': 100, '1.1.0': 100 },
      rate: 200,
    });
    expect(sockets.size).toBe(10);
  });

  it('counts bad answers and broken connections apart, with where and when', async () => {
    let n = 0;
    const url = await serve((request, response) => {
      n += 1;
      if (n % 10 === 0) {
        request.socket.destroy();
      } else if (n % 10 === 5) {
        response.writeHead(200, { 'content-length': 100 }).write('half', () => request.socket.destroy());
      } else {
        response.writeHead(n % 2 === 0 ? 503 : 301).end();
      }
    });
    const summary = await runLoad({ url, rate: 200, connections: 1, paths: ['/x'], durationMs: 200, signal: never });
    expect(summary).toMatchObject({
      requests: 40,
      failures: 24,
      broken: 8,
      byStatus: { '301': 16, '503': 16, broken: 8 },
    });
    expect(summary.firstFailures).toHaveLength(20);
    expect(summary.firstFailures[0]).toMatchObject({ path: '/x', status: 503 });
    expect(summary.firstFailures.find((one) => one.error !== undefined)?.error).toMatch(/other side closed|terminated/);
  });

  it('does not slow down with the server: waiting counts as latency', async () => {
    const url = await serve((_, response) => setTimeout(() => response.end(), 100));
    const summary = await runLoad({ url, rate: 100, connections: 5, paths: ['/'], durationMs: 500, signal: never });
    expect(summary.requests).toBe(50);
    expect(summary.failures).toBe(0);
    // 5 connections serve 50 a second: half of the arrivals wait.
    expect(summary.latencyMs.max).toBeGreaterThan(400);
  });

  it('waits for requests under way when it is told to end', async () => {
    const stop = new AbortController();
    const url = await serve((_, response) => {
      stop.abort();
      setTimeout(() => response.end(), 50);
    });
    const summary = await runLoad({ url, rate: 50, connections: 5, paths: ['/'], signal: stop.signal });
    expect(summary.requests).toBeGreaterThan(0);
    expect(summary.failures).toBe(0);
  });

  it('calls a server that is not there broken', async () => {
    const url = await serve((_, response) => response.end());
    await new Promise((resolve) => server?.close(resolve));
    const summary = await runLoad({ url, rate: 100, connections: 2, paths: ['/'], durationMs: 50, signal: never });
    expect(summary).toMatchObject({ requests: 5, failures: 5, broken: 5 });
    expect(summary.firstFailures[0]?.error).toContain('ECONNREFUSED');
  });
});

describe('Histogram', () => {
  it('is right to 2 %', () => {
    const histogram = new Histogram();
    for (let ms = 1; ms <= 1000; ms++) {
      histogram.add(ms);
    }
    expect(histogram.percentile(50)).toBeGreaterThan(490);
    expect(histogram.percentile(50)).toBeLessThan(510);
    expect(histogram.percentile(99)).toBeGreaterThan(975);
    expect(histogram.percentile(100)).toBeGreaterThan(985);
    expect(histogram.max).toBe(1000);
    expect(new Histogram().percentile(50)).toBe(0);
  });
});
