import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { DeployctlEvent } from '../../src/domain/event.js';
import type { Reporter } from '../../src/engine/ports.js';
import { createDiscord, createDiscordHttp } from '../../src/reporters/discord/index.js';
import type { DiscordOptions } from '../../src/reporters/discord/index.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { answer, FakeDiscord, hang, limited, URL_SECRET, WEBHOOK } from './_discord.js';
import { at, ended, failure, START, summary, view } from './_story.js';

const started = at(0, { type: 'rollout.started', summary, resumed: false });
const seen = (seconds: number, reason: string): DeployctlEvent => at(seconds, { type: 'view', view: view({ reason }) });
const undone = at(61, { type: 'rollback.started', reason: 'backend did not become healthy', failure });
const finished = at(192, ended());
const succeeded = at(192, ended({ outcome: 'succeeded', reason: 'all gates passed' }));

interface Setup {
  readonly clock: ManualClock;
  readonly discord: FakeDiscord;
  readonly reporter: Reporter;
  readonly warnings: string[];
  readonly marked: string[];
  readonly remembered: string[];
}

function setup(more: Partial<DiscordOptions> = {}, clock = new ManualClock(START)): Setup {
  const discord = new FakeDiscord();
  const warnings: string[] = [];
  const marked: string[] = [];
  const remembered: string[] = [];
  const reporter = createDiscord({
    settings: { webhook: { is: 'env', variable: 'DISCORD_WEBHOOK_URL' } },
    url: WEBHOOK,
    http: discord,
    clock,
    remember: (id) => void remembered.push(id),
    alreadySent: new Set(),
    attempt: 2,
    markSent: (kind) => void marked.push(kind),
    warn: (text) => void warnings.push(text),
    ...more,
  });
  return { clock, discord, reporter, warnings, marked, remembered };
}

async function tell(it: Setup, ...events: DeployctlEvent[]): Promise<void> {
  for (const event of events) it.reporter.report(event);
  await it.clock.advance(0);
}

const close = (it: Setup): Promise<void> => it.clock.run(it.reporter.close());

describe('a rollout on Discord', () => {
  it('is one message that moves, and a new one for the success', async () => {
    const it = setup();
    await tell(it, started, seen(1, 'pulling'));
    await it.clock.advance(2000);
    await tell(it, succeeded);
    await close(it);
    expect(it.discord.titles).toEqual(['shop/production: rollout succeeded', 'shop/production: Rollout succeeded']);
    const [progress, success] = [...it.discord.messages.values()];
    expect(progress).toMatchInlineSnapshot(`
      {
        "allowed_mentions": {
          "parse": [],
        },
        "embeds": [
          {
            "color": 3066993,
            "description": "succeeded: all gates passed",
            "fields": [
              {
                "inline": true,
                "name": "backend",
                "value": "1.0.0 → 1.1.0
      blue 100%",
              },
              {
                "inline": true,
                "name": "frontend",
                "value": "1.0.0 → 1.1.0
      blue 90%, green 10%",
              },
              {
                "inline": true,
                "name": "Strategy",
                "value": "rolling",
              },
              {
                "inline": true,
                "name": "By",
                "value": "anna@laptop",
              },
              {
                "inline": true,
                "name": "Duration",
                "value": "3m 12s",
              },
              {
                "name": "Instances",
                "value": "shop-2 backend: draining, waits for the load balancer to finish open requests i…
      shop-4 backend: bad, waits for its kept old container
      shop-1 backend: serving
      shop-3 backend: old",
              },
            ],
            "footer": {
              "text": "ro-20261124-195312-4f2a",
            },
            "timestamp": "2026-11-24T19:53:12.000Z",
            "title": "shop/production: rollout succeeded",
          },
        ],
      }
    `);
    expect(success?.embeds[0].fields.map((field) => `${field.name}: ${field.value}`)).toEqual([
      'backend: 1.0.0 → 1.1.0',
      'frontend: 1.0.0 → 1.1.0',
      'Serving now: backend 1.0.0, frontend 1.0.0',
      'Strategy: rolling',
      'Duration: 3m 12s',
      'By: anna@laptop',
    ]);
    expect(it.discord.sent[0]?.url).toBe(`${WEBHOOK}?wait=true`);
    expect(it.discord.sent[1]?.url).toBe(`${WEBHOOK}/messages/1001`);
    expect(it.remembered).toEqual(['1001']);
    expect(it.marked).toEqual(['start', 'success']);
    expect(it.warnings).toEqual([]);
    expect(it.clock.sleeping).toBe(0);
  });

  it('a way back that a person asked for is no failure', async () => {
    const it = setup();
    const asked = { reason: 'bob asked to abort: wrong ticket', askedBy: 'bob' };
    await tell(it, started, at(192, ended(asked)));
    await close(it);
    expect(it.discord.titles).toEqual([
      'shop/production: rollout undone',
      'shop/production: Rollout was undone as asked; the previous release is serving',
    ]);
    const [, end] = [...it.discord.messages.values()];
    expect(end?.embeds[0].description).toBe('bob asked to abort: wrong ticket');
  });

  it('tells a rollback when it begins and when it ends, with the evidence and the mention', async () => {
    const it = setup({ settings: { webhook: { is: 'env', variable: 'X' }, mention: '<@&42>' } });
    await tell(it, started, undone, finished);
    await close(it);
    expect(it.discord.titles).toEqual([
      'shop/production: rollout failed',
      'shop/production: rolling back',
      'shop/production: Rollout failed and was undone; the previous release is serving',
    ]);
    const [progress, begin, end] = [...it.discord.messages.values()];
    expect(progress?.content).toBeUndefined();
    expect(progress?.allowed_mentions).toEqual({ parse: [] });
    for (const alert of [begin, end]) {
      expect(alert?.content).toBe('<@&42>');
      expect(alert?.allowed_mentions).toEqual({ parse: [], roles: ['42'] });
      const fields = new Map(alert?.embeds[0].fields.map((field) => [field.name, field.value]));
      expect(fields.get('Last probe')).toContain('answered 503');
      expect(fields.get('Log')).toContain('ERROR cannot reach the database');
      expect(fields.get('Log')).not.toContain('\u001b');
      expect(fields.get('backend')).toBe('1.0.0 → 1.1.0');
    }
    expect(it.marked).toEqual(['start', 'rollback', 'end@2']);
  });

  it('edits at most every two seconds, with the latest state', async () => {
    const it = setup();
    await tell(it, started);
    for (let second = 0; second < 20; second += 0.5) {
      await tell(it, seen(second, `step ${second}`));
      await it.clock.advance(500);
    }
    expect(it.discord.count('PATCH')).toBeLessThanOrEqual(10);
    await it.clock.advance(2000);
    expect([...it.discord.messages.values()][0]?.embeds[0].description).toBe('replacing: step 19.5');
  });

  it('does not edit when nothing has changed', async () => {
    const it = setup();
    await tell(it, started);
    for (let second = 0; second < 20; second += 1) {
      await tell(it, seen(1, 'same'));
      await it.clock.advance(1000);
    }
    expect(it.discord.count('PATCH')).toBe(1);
  });

  it('says nothing of what never started', async () => {
    const it = setup();
    await tell(it, at(1, { type: 'note', level: 'warning', text: 'x' }), seen(1, 'x'));
    await close(it);
    expect(it.discord.sent).toEqual([]);
  });

  it('goes on with the message of before after a crash, and repeats nothing', async () => {
    const it = setup({ previousMessageId: '777', alreadySent: new Set(['start', 'rollback']) });
    await tell(it, at(5, { type: 'rollout.started', summary, resumed: true }), undone);
    await it.clock.advance(2000);
    await tell(it, finished);
    await close(it);
    expect(it.discord.count('POST')).toBe(1);
    expect(it.discord.sent.every((sent) => sent.method === 'POST' || sent.url.endsWith('/messages/777'))).toBe(true);
  });

  it('tells each end and each hold of each attempt once', async () => {
    const hold = (after: number): DeployctlEvent => at(after, { type: 'hold.started', reason: 'blocked', until: 1 });
    const expired = at(9, ended({ outcome: 'held' }));
    const first = setup();
    await tell(first, started, hold(2), hold(4), expired);
    await close(first);
    expect(first.marked).toEqual(['start', 'hold@2.1', 'hold@2.2', 'end@2']);
    // Somebody resumes it, and it is held once more.
    const second = setup({ previousMessageId: '777', attempt: 5, alreadySent: new Set(first.marked) });
    await tell(second, at(20, { type: 'rollout.started', summary, resumed: true }), hold(21), expired);
    await close(second);
    expect(second.marked).toEqual(['hold@5.1', 'end@5']);
    expect(second.discord.count('POST')).toBe(2);
  });

  it('keeps a thread, and never lets a made-up id into a URL', async () => {
    const it = setup({
      url: `${WEBHOOK}?thread_id=9`,
      previousMessageId: '1/../../x',
      alreadySent: new Set(['start']),
    });
    await tell(it, started, seen(1, 'x'), undone);
    await close(it);
    expect(it.discord.sent.map((sent) => sent.url)).toEqual([`${WEBHOOK}?thread_id=9&wait=true`]);
  });
});

describe('a Discord that is not well', () => {
  it('429: waits as long as it says, then sends', async () => {
    const it = setup();
    it.discord.next = [() => limited(1.5)];
    await tell(it, started);
    await it.clock.advance(1499);
    expect(it.discord.sent).toHaveLength(1);
    await it.clock.advance(1);
    expect(it.discord.titles).toHaveLength(1);
    expect(it.warnings).toEqual([]);
  });

  it('429 by a proxy, without JSON: the header counts', async () => {
    const it = setup();
    it.discord.next = [() => ({ status: 429, body: '<html>', retryAfter: '3' })];
    await tell(it, started);
    await it.clock.advance(3000);
    expect(it.discord.titles).toHaveLength(1);
  });

  it('429 for ever: gives up with one warning', async () => {
    const it = setup();
    it.discord.always = () => limited(40);
    await tell(it, started, undone, finished);
    await it.clock.advance(600_000);
    expect(it.warnings).toEqual([
      'Discord: the start message was not delivered: Discord asks to wait for too long; the rollout is not affected',
    ]);
    expect(it.discord.sent.length).toBeLessThan(10);
    await close(it);
  });

  it.each([
    ['500', () => answer(500, 'oops'), 'Discord answered 500'],
    ['hangs', hang, 'Discord did not answer within 10 s'],
    ['401', () => answer(401, { code: 50027 }), 'Discord answered 401 (code 50027)'],
    ['404', () => answer(404, { code: 10015 }), 'Discord answered 404 (code 10015)'],
    ['400', () => answer(400, { code: 50035 }), 'Discord answered 400 (code 50035)'],
    [
      'a connection that breaks',
      () => Promise.reject(Object.assign(new Error(`to ${WEBHOOK}`), { code: 'ECONNRESET' })),
      'the connection to Discord failed (ECONNRESET)',
    ],
  ])('%s: one warning, without the URL, and an end', async (_name, behaviour, words) => {
    const it = setup();
    it.discord.always = behaviour;
    await tell(it, started, seen(1, 'x'), undone, finished);
    const before = it.clock.now();
    await close(it);
    expect(it.clock.now() - before).toBeLessThanOrEqual(15_000);
    await it.clock.runUntilIdle();
    expect(it.warnings).toHaveLength(1);
    expect(it.warnings[0]).toContain(words);
    expect(it.warnings[0]).not.toContain(URL_SECRET);
  });

  it('404 and 401: asks never again', async () => {
    const it = setup();
    it.discord.always = () => answer(404, { code: 10015 });
    await tell(it, started, seen(1, 'x'), undone, finished);
    await close(it);
    expect(it.discord.sent).toHaveLength(1);
  });

  it('500 for a moment: alerts are tried again, what may be sent once only is not', async () => {
    const it = setup();
    const oops = () => answer(502, '');
    it.discord.next = [oops];
    await tell(it, started, undone);
    await it.clock.advance(10_000);
    expect(it.discord.titles).toEqual(['shop/production: rolling back']);
    it.discord.next = [oops, oops];
    await tell(it, finished);
    await close(it);
    expect(it.discord.titles).toHaveLength(2);
    expect(it.marked).toEqual(['start', 'rollback', 'end@2']);
  });

  it('marks what is sent once before, and what must arrive after', async () => {
    const it = setup();
    it.discord.next = [hang];
    await tell(it, started);
    expect(it.marked).toEqual(['start']);
    await it.clock.advance(10_000);
    it.discord.next = [hang];
    await tell(it, undone);
    expect(it.marked).toEqual(['start']);
    await it.clock.advance(30_000);
    expect(it.marked).toEqual(['start', 'rollback']);
  });

  it('30046: an old message is left, a new one goes on', async () => {
    const it = setup();
    await tell(it, started);
    it.discord.next = [() => answer(400, { code: 30046 })];
    await tell(it, seen(1, 'x'));
    await it.clock.advance(2000);
    await tell(it, seen(4, 'y'));
    await it.clock.advance(2000);
    expect(it.remembered).toEqual(['1001', '1002']);
    expect(it.discord.sent.map((sent) => sent.method)).toEqual(['POST', 'PATCH', 'POST', 'PATCH']);
    expect(it.warnings).toEqual([]);
  });

  it('10008: a deleted message is posted again, but not for ever', async () => {
    const it = setup();
    await tell(it, started);
    it.discord.always = (sent) => (sent.method === 'PATCH' ? answer(404, { code: 10008 }) : answer(200, { id: '5' }));
    for (let second = 1; second < 60; second += 3) {
      await tell(it, seen(second, `step ${second}`));
      await it.clock.advance(3000);
    }
    expect(it.discord.count('POST')).toBe(4);
    expect(it.warnings).toHaveLength(1);
    it.discord.always = undefined;
    await tell(it, undone);
    await close(it);
    expect(it.discord.titles).toContain('shop/production: rolling back');
  });

  it('slow: never holds up the one who reports, and close waits for the last messages', async () => {
    const it = setup();
    it.discord.always = async () => {
      await it.clock.sleep(4000);
      return answer(200, { id: '5' });
    };
    await tell(it, started, undone, finished);
    await close(it);
    expect(it.marked).toEqual(['start', 'rollback', 'end@2']);
    expect(it.warnings).toEqual([]);
  });

  it('an interrupted rollout does not wait longer than two seconds', async () => {
    const it = setup();
    await tell(it, started);
    it.discord.always = hang;
    await tell(it, seen(1, 'x'), at(5, ended({ outcome: 'interrupted' })));
    const before = it.clock.now();
    await close(it);
    expect(it.clock.now() - before).toBeLessThanOrEqual(2000);
  });

  it('a record that fails, or hangs, changes nothing but a warning', async () => {
    const it = setup({
      markSent: () => Promise.reject(new Error('no lease')),
      remember: () => new Promise(() => undefined),
    });
    await tell(it, started, undone);
    await it.clock.advance(20_000);
    expect(it.discord.titles).toHaveLength(2);
    expect(it.warnings).toHaveLength(1);
    await close(it);
  });

  it('a URL that is none: a warning that does not show it', () => {
    const it = setup({ url: `not a url ${URL_SECRET}` });
    it.reporter.report(started);
    expect(it.warnings).toHaveLength(1);
    expect(it.warnings[0]).not.toContain(URL_SECRET);
  });
});

describe('over HTTP', () => {
  it('sends JSON, follows no redirect, and gives status, body and Retry-After', async () => {
    const got: string[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        got.push(`${request.method} ${request.url} ${request.headers['content-type']} ${body}`);
        if (request.method === 'PATCH') response.writeHead(302, { location: '/elsewhere' }).end();
        else response.writeHead(429, { 'retry-after': '7' }).end('{"retry_after":0.5}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const http = createDiscordHttp();
    const signal = new AbortController().signal;
    try {
      const url = `http://127.0.0.1:${port}/hook`;
      expect(await http.send({ method: 'POST', url, body: '{"a":1}' }, signal)).toEqual({
        status: 429,
        body: '{"retry_after":0.5}',
        retryAfter: '7',
      });
      expect((await http.send({ method: 'PATCH', url, body: '{}' }, signal)).status).toBe(302);
      expect(got).toEqual(['POST /hook application/json {"a":1}', 'PATCH /hook application/json {}']);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
