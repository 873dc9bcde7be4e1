import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Programs } from '../../src/sandbox/hosts/docker/needs.js';
import type { Front } from '../../src/sandbox/hosts/docker/registry.js';
import { startFront } from '../../src/sandbox/hosts/docker/registry.js';

/** The bridge's own address here; the others of its /24 are on loopback too, and stand for machines. */
const bridge = '127.0.0.1';

describe('what stands in front of the registry', () => {
  let folder: string;
  let front: Front;
  const asked: string[] = [];
  const registry = createServer((incoming, response) => {
    asked.push(`${incoming.method ?? ''} ${incoming.url ?? ''}`);
    response.end('{}');
  });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'front-'));
    const socket = join(folder, 'registry.sock');
    await new Promise<void>((resolve) => registry.listen(socket, resolve));
    const programs = { openssl: 'openssl' } as Programs;
    front = await startFront({ programs, folder: join(folder, 'tls'), bridge, ecr: 'ecr.example' });
    front.connect(socket);
  });
  afterAll(async () => {
    await front.close();
    await new Promise((resolve) => registry.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  /** The status of an answer to what comes from an address, or how the connection ended. */
  const from = (localAddress: string, method = 'GET'): Promise<number | string> =>
    new Promise((resolve) => {
      // The certificate is of the names that instances use.
      const options = { host: bridge, port: front.port, localAddress, method, path: '/v2/', rejectUnauthorized: false };
      const outgoing = request({ ...options, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      outgoing.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
      outgoing.end();
    });

  it('passes on what a machine of the bridge asks, over the socket of the registry', async () => {
    expect(await from('127.0.0.2')).toBe(200);
    expect(await from('127.0.0.10', 'PUT')).toBe(200);
    expect(asked.splice(0)).toEqual(['GET /v2/', 'PUT /v2/']);
  });

  it('hangs up on this machine itself, and on other networks', async () => {
    expect(await from(bridge)).toBe('ECONNRESET');
    expect(await from('127.0.1.2')).toBe('ECONNRESET');
    expect(await from('127.77.0.1', 'PUT')).toBe('ECONNRESET');
    expect(asked).toEqual([]);
  });
});
