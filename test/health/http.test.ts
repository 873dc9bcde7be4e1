import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttp } from '../../src/health/http.js';

let server: Server | undefined;
const sockets = new Set<Socket>();

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
  sockets.clear();
});

const http = createHttp();

describe('a probe', () => {
  it('gives status, body and latency, and is a connection of its own', async () => {
    const url = await serve((request, response) => response.end(`hello ${String(request.headers['x-who'])}`));
    for (let n = 0; n < 3; n += 1) {
      const sample = await http.probe(url, { timeout: 5000, headers: { 'x-who': 'you' } });
      expect(sample).toEqual({ ok: true, status: 200, body: 'hello you', latency: expect.any(Number) });
    }
    expect(sockets.size).toBe(3);
  });

  it('takes a redirect and an error for what they are', async () => {
    const url = await serve((request, response) => {
      response.writeHead(request.url === '/old' ? 302 : 503, { location: '/new' }).end('x');
    });
    expect(await http.probe(`${url}/old`, { timeout: 5000 })).toMatchObject({ ok: false, status: 302 });
    expect(await http.probe(`${url}/new`, { timeout: 5000 })).toMatchObject({ ok: false, status: 503, body: 'x' });
  });

  it('reads 64 KB of a body that never ends, and hangs up', async () => {
    let closed: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    const url = await serve((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      };
      response.on('drain', more).on('close', () => closed());
      more();
    });
    const sample = await http.probe(url, { timeout: 5000 });
    expect(sample.ok).toBe(true);
    expect(sample.body).toHaveLength(64 * 1024);
    await gone;
  });

  it('says in words what went wrong, without the URL', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/headers') return;
      if (request.url === '/body') response.write('begun');
      else request.socket.destroy();
    });
    const silent = await http.probe(`${url}/headers`, { timeout: 60 });
    expect(silent).toEqual({ ok: false, error: 'no complete answer within 60 ms', latency: expect.any(Number) });
    const half = await http.probe(`${url}/body`, { timeout: 60 });
    expect(half).toMatchObject({ ok: false, status: 200, error: 'no complete answer within 60 ms' });
    const reset = await http.probe(`${url}/reset?key=secret`, { timeout: 5000 });
    expect(reset.error).toBe('connection closed in the middle');
    expect((await http.probe('http://127.0.0.1:1/', { timeout: 5000 })).error).toBe('connection refused');
    expect((await http.probe('nonsense', { timeout: 5000 })).error).toBe('not a URL');
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const url = await serve(() => stop.abort());
    expect((await http.probe(url, { timeout: 5000 }, stop.signal)).error).toBe('stopped');
    expect((await http.probe(url, { timeout: 5000 }, stop.signal)).error).toBe('stopped');
  });
});
