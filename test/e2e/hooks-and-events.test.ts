import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentSchemas } from '../../src/presentation/schemas/documents.js';
import { eventLineSchema } from '../../src/presentation/schemas/events.js';
import type { Shop } from './kit.js';
import { at, openShop, rolloutTo, secret } from './kit.js';

/** Commands of the user, the event log, and receivers of webhooks: what a rollout tells, and what may speak against it. */
describe('hooks, events and webhooks', () => {
  const [token, key] = [secret(), secret()];
  const posts: { readonly path: string; readonly body: string; readonly signature: string }[] = [];
  let server: Server;
  let shop: Shop;
  let env: Record<string, string>;

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const signature = String(request.headers['x-deployctl-signature'] ?? '');
        posts.push({ path: request.url ?? '', body, signature });
        response.end('ok');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    env = { SLACK_URL: `${base}/slack/${token}`, AUDIT_URL: `${base}/audit/${token}`, AUDIT_SECRET: key };
    shop = await openShop({
      instances: 2,
      config: (file) => {
        const production = at(file, 'environments', 'production');
        production['hooks'] = {
          'pre-rollout': [{ shell: 'echo pre-rollout >> said; test ! -e frozen || { echo frozen; exit 1; }' }],
          'pre-traffic': [{ shell: 'echo pre-traffic >> said; test ! -e broken' }],
          'post-shift': [{ shell: 'echo "post-shift $DEPLOYCTL_SERVICE $DEPLOYCTL_PERCENT" >> said' }],
          success: [{ shell: 'echo "success $DEPLOYCTL_SERVICES" >> said' }],
          failure: [{ shell: 'echo "failure $DEPLOYCTL_OUTCOME" >> said; exit 9' }],
        };
        const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/probed`;
        production['gates'] = { probes: [{ name: 'home', url, interval: '100ms', 'min-samples': 1 }] };
        production['notifications'] = {
          slack: { webhook: { env: 'SLACK_URL' } },
          webhooks: [{ name: 'audit', url: { env: 'AUDIT_URL' }, secret: { env: 'AUDIT_SECRET' } }],
        };
      },
    });
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await shop.dispose();
  });

  const said = async (): Promise<readonly string[]> =>
    (await readFile(join(shop.dir, 'said'), 'utf8')).trimEnd().split('\n');

  it('a rollout: hooks in their order, every event in the log, signed posts, and no secret anywhere', async () => {
    const args = rolloutTo(
      { backend: '1.1.0' },
      'blue-green',
      '--steps',
      '10,100',
      '--events',
      'events.ndjson',
      '--json',
    );
    const { stdout, stderr } = await shop.run(0, args, { env });
    expect(documentSchemas.operation.safeParse(JSON.parse(stdout)).error).toBeUndefined();
    expect(await said()).toEqual([
      'pre-rollout',
      'pre-traffic',
      'post-shift backend 10',
      'post-shift backend 100',
      'success backend=1.1.0',
    ]);
    const log = await readFile(join(shop.dir, 'events.ndjson'), 'utf8');
    const lines = log
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    for (const line of lines) expect(eventLineSchema.safeParse(line).error, JSON.stringify(line)).toBeUndefined();
    const types = lines.map((line) => (line as { type: string }).type);
    expect(types).toEqual(expect.arrayContaining(['rollout.started', 'view', 'traffic.shifted', 'rollout.ended']));
    const audits = posts.filter(({ path }) => path.startsWith('/audit/'));
    expect(audits.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
      'rollout.started',
      'rollout.ended',
    ]);
    for (const { body, signature } of audits) {
      const [, time = '', mark] = /^t=(\d+),v1=(\w+)$/.exec(signature) ?? [];
      expect(createHmac('sha256', key).update(`${time}.${body}`).digest('hex')).toBe(mark);
    }
    expect(posts.filter(({ path }) => path.startsWith('/slack/'))).toHaveLength(2);
    const everything = stdout + stderr + log + posts.map(({ body }) => body).join('');
    expect(everything).not.toContain(token);
    expect(everything).not.toContain(key);
  });

  it('a report: one page of what was stored or logged, which is overwritten', async () => {
    interface Report {
      readonly rollout: string;
      readonly weights: readonly { readonly percents: Readonly<Record<string, number>> }[];
      readonly lanes: readonly { readonly name: string; readonly places: readonly { readonly place: string }[] }[];
      readonly probes: readonly { readonly buckets: readonly { readonly good: number }[] }[];
      readonly missing: readonly string[];
    }
    const { outcomes } = await shop.json<{ outcomes: readonly { rollout: string }[] }>(0, ['history']);
    const id = outcomes[0]?.rollout ?? '';
    const stored = await shop.json<Report>(0, ['report', id]);
    expect(stored.missing).toEqual([]);
    expect(stored.weights.map(({ percents }) => percents['green'])).toEqual([0, 10, 100]);
    expect(stored.lanes.map(({ name }) => name).sort()).toEqual(['shop-1', 'shop-2']);
    for (const { places } of stored.lanes) {
      expect(places.map(({ place }) => place)).toEqual(expect.arrayContaining(['empty', 'serving']));
    }
    expect(stored.probes[0]?.buckets.reduce((sum, { good }) => sum + good, 0)).toBeGreaterThan(2);
    const logged = await shop.json<Report>(0, ['report', id.slice(-4), '--events', 'events.ndjson']);
    // The two are stamped by different clocks, which are tenths of a second apart at most.
    const order = ({ weights, lanes }: Report): unknown => [
      weights.map(({ percents }) => percents),
      lanes.map(({ name, places }) => [name, ...places.map(({ place }) => place)]),
    ];
    expect(order(logged)).toEqual(order(stored));
    expect(logged.missing).toEqual([]);

    await writeFile(join(shop.dir, 'page.html'), 'an older one');
    const { stdout } = await shop.run(0, ['report', id, '--html', 'page.html']);
    expect(stdout).toBe(`wrote page.html: rollout ${id} of shop/production, succeeded\n`.trimEnd());
    const page = await readFile(join(shop.dir, 'page.html'), 'utf8');
    expect(page).toMatch(/^<!doctype html>[^]*<\/html>\s*$/);
    const piped = await shop.run(0, ['report', id, '--html', '-']);
    expect(piped.stdout.trimEnd()).toBe(page.trimEnd());

    const nowhere = await shop.run(64, ['report', id, '--html', 'no/such/folder/page.html']);
    expect(nowhere.stderr).toMatch(/--html no\/such\/folder\/page\.html cannot be written/);
    expect((await shop.run(64, ['report', id])).stderr).toMatch(/name its file\n\nNext:\n {2}deployctl report/);
    const wrong = await shop.run(64, ['report', id, '--html', 'page.html', '--events', 'deployctl.yml']);
    expect(wrong.stderr).toMatch(/deployctl\.yml is not the event log of a rollout: line 1 is no event/);
  });

  it('pre-traffic that fails rolls back before any traffic has moved; a failing failure hook hides nothing', async () => {
    const before = (await said()).length;
    await writeFile(join(shop.dir, 'broken'), '');
    const { stderr } = await shop.run(10, ['rollout', '--backend', '2.0.0', '--yes'], { env });
    await rm(join(shop.dir, 'broken'));
    expect(stderr).toMatch(/rolling back: the hook pre-traffic failed/);
    expect((await said()).slice(before)).toEqual(['pre-rollout', 'pre-traffic', 'failure rolled-back']);
    expect(stderr).not.toMatch(/% of the traffic goes to/);
    expect(stderr).toMatch(/warning: the hook failure failed, which changes nothing: .*exit 9/);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
  });

  it('pre-rollout that fails refuses with 12, before any change; a rollback is not held up by it', async () => {
    await writeFile(join(shop.dir, 'frozen'), '');
    const { stderr } = await shop.run(12, ['rollout', '--backend', '2.0.0', '--yes'], { env });
    expect(stderr).toMatch(/the hook pre-rollout refused the rollout: .*exit 1: frozen\. Nothing was changed/);
    await shop.run(0, ['rollback', '--yes'], { env });
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });

  it('an event log that cannot be written is refused before anything is done', async () => {
    const args = ['rollout', '--backend', '2.0.0', '--yes', '--events', 'no/such/folder/events'];
    expect((await shop.run(64, args, { env })).stderr).toMatch(/--events no\/such\/folder\/events cannot be written/);
  });

  it('documents are what their schemas say', async () => {
    const check = async (name: keyof typeof documentSchemas, code: number, args: readonly string[]): Promise<void> => {
      const document = await shop.json(code, args);
      expect(documentSchemas[name].safeParse(document).error, JSON.stringify(document)).toBeUndefined();
    };
    await check('status', 0, ['status']);
    await check('plan', 0, ['plan', '--backend', '1.1.0']);
    await check('history', 0, ['history']);
    const { outcomes } = await shop.json<{ outcomes: readonly { rollout: string }[] }>(0, ['history']);
    await check('historyShow', 0, ['history', 'show', outcomes[0]?.rollout ?? '']);
    await check('report', 0, ['report', outcomes[0]?.rollout ?? '']);
    await check('lease', 0, ['lease', 'show']);
    await check('error', 12, ['pause']);
  });
});
