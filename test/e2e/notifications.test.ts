import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { at, openShop, rolloutTo, secret } from './kit.js';

/** What the webhook answers. `hang`: nothing, ever. */
type Mood = 'well' | 429 | 500 | 404 | 'hang';

/** Discord decides nothing: whatever it answers, the rollout ends as it would without it. */
describe('Discord', () => {
  const token = secret();
  const bodies: string[] = [];
  let mood: Mood = 'well';
  let discord: Server;
  let shop: Shop;
  let env: Record<string, string>;

  beforeAll(async () => {
    discord = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        if (mood === 'hang') return;
        bodies.push(`${request.method ?? ''} ${body}`);
        const status = mood === 'well' ? 200 : mood;
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify(
            status === 429 ? { message: 'slow down', retry_after: 0.2, global: false } : { id: '1234567890' },
          ),
        );
      });
    });
    await new Promise<void>((resolve) => discord.listen(0, '127.0.0.1', resolve));
    const { port } = discord.address() as AddressInfo;
    env = { DISCORD_WEBHOOK_URL: `http://127.0.0.1:${String(port)}/api/webhooks/42/${token}` };
    shop = await openShop({
      instances: 2,
      config: (file) => {
        at(file, 'environments', 'production')['notifications'] = {
          discord: { webhook: { env: 'DISCORD_WEBHOOK_URL' } },
        };
      },
    });
  });
  afterAll(async () => {
    discord.closeAllConnections();
    discord.close();
    await shop.dispose();
  });

  it('is told of the start and the success of a rollout', async () => {
    await shop.run(0, rolloutTo({ frontend: '1.1.0' }, 'blue-green'), { env });
    const posts = bodies.filter((body) => body.startsWith('POST'));
    expect(posts).toHaveLength(2);
    expect(posts[1]).toMatch(/1\.0\.0.*1\.1\.0/);
    expect(bodies.join('\n')).not.toContain(token);
  });

  it('is told of a rollback with its reason and the last probe', async () => {
    bodies.length = 0;
    await shop.run(10, rolloutTo({ frontend: 'never-healthy' }, 'blue-green'), { env });
    const posts = bodies.filter((body) => body.startsWith('POST')).join('\n');
    expect(posts).toMatch(/did not pass 3 times/);
    expect(posts).toMatch(/503/);
  });

  it.each([
    [429, '2.0.0'],
    [500, '1.1.0'],
    [404, '2.0.0'],
    ['hang', '1.1.0'],
  ] as const)('answers %s: the rollout ends well, with a warning, and the URL is nowhere', async (next, version) => {
    mood = next;
    const { stdout, stderr } = await shop.run(0, rolloutTo({ frontend: version }, 'blue-green'), { env });
    if (next !== 429) expect(stderr).toMatch(/Discord/);
    expect(stdout + stderr).not.toContain(token);
    expect(stdout + stderr).not.toContain('/api/webhooks/');
  });
});
