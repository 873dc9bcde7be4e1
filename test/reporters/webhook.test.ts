import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { eventLineSchema } from '../../src/presentation/schemas/events.js';
import { createSlack, createWebhook } from '../../src/reporters/webhook/index.js';
import type { WebhookHttp } from '../../src/reporters/webhook/sender.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { at, ended, START, story } from './_story.js';

const URL_ = 'https://hooks.example.com/services/T0/B0/credential';

type Answer = number | 'refuse' | 'hang' | { readonly status: number; readonly retryAfter: string };

/** A receiver that answers as told, the last answer again and again. */
function receiver(...answers: readonly Answer[]) {
  const got: { readonly body: string; readonly headers: Readonly<Record<string, string>>; readonly at: number }[] = [];
  const warnings: string[] = [];
  const marked: string[] = [];
  const clock = new ManualClock(START);
  const http: WebhookHttp = {
    post: ({ body, headers }, signal) => {
      const answer = answers[Math.min(got.length, answers.length - 1)] ?? 200;
      got.push({ body, headers, at: clock.now() - START });
      if (answer === 'refuse')
        return Promise.reject(Object.assign(new Error(`connect ${URL_}`), { code: 'ECONNREFUSED' }));
      if (answer === 'hang')
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('aborted'));
          });
        });
      return Promise.resolve(typeof answer === 'number' ? { status: answer } : answer);
    },
  };
  const options = {
    url: URL_,
    http,
    clock,
    alreadySent: new Set<string>(),
    attempt: 2,
    markSent: (kind: string) => void marked.push(kind),
    warn: (text: string) => void warnings.push(text),
  };
  return { got, warnings, marked, clock, options };
}

describe('Slack', () => {
  it('is told of start, rollback and end, in the words of the terminal, with whom to call where somebody is needed', async () => {
    const { got, warnings, clock, options } = receiver(200);
    const slack = createSlack({ ...options, mention: '<!here>' });
    for (const event of story) slack.report(event);
    await clock.run(slack.close());
    const texts = got.map(({ body }) => (JSON.parse(body) as { text: string }).text);
    expect(texts).toHaveLength(3);
    expect(texts[0]).toMatch(/^\*rollout ro-\S+ of shop\/production .*backend 1\.0\.0 → 1\.1\.0/);
    expect(texts[1]).toMatch(/^<!here> \*rolling back/);
    expect(texts[2]).toMatch(/Next: deployctl history/);
    expect(warnings).toEqual([]);
  });

  it('takes no markup and no mention from a release that talks', async () => {
    const { got, clock, options } = receiver(200);
    const slack = createSlack(options);
    slack.report(at(0, ended({ reason: '<!channel> <https://evil.example|click> & ```' })));
    await clock.run(slack.close());
    expect(got[0]?.body).not.toMatch(/<!channel>|<https/);
    expect(got[0]?.body).toContain('&lt;!channel&gt;');
  });
});

describe('a signed webhook', () => {
  const secret = 'keep-it';
  const make = (options: ReturnType<typeof receiver>['options']) =>
    createWebhook({ ...options, name: 'audit', secret });

  it('gets events in the form of the event log, with a signature over time and body', async () => {
    const { got, marked, clock, options } = receiver(200);
    const webhook = make(options);
    for (const event of story) webhook.report(event);
    await clock.run(webhook.close());
    expect(marked).toEqual(['webhook-audit.start', 'webhook-audit.rollback', 'webhook-audit.end@2']);
    for (const { body, headers } of got) {
      const { rollout, ...line } = JSON.parse(body) as { rollout: string };
      expect(rollout).toBe('ro-20261124-195312-4f2a');
      expect(eventLineSchema.safeParse(line).error).toBeUndefined();
      const [, time = '', mark] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['x-deployctl-signature'] ?? '') ?? [];
      expect(createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')).toBe(mark);
      expect(Number(time) * 1000).toBe(START);
      expect(JSON.stringify(headers) + body).not.toContain(secret);
    }
    expect(got.map(({ headers }) => headers['x-deployctl-delivery'])).toEqual(
      ['start', 'rollback', 'end@2'].map((kind) => `ro-20261124-195312-4f2a/${kind}`),
    );
  });

  it('is asked again after what may pass, with a new time, and not twice for the same', async () => {
    const { got, warnings, clock, options } = receiver('refuse', { status: 429, retryAfter: '2' }, 200);
    const webhook = make(options);
    webhook.report(at(0, ended()));
    webhook.report(at(1, ended()));
    await clock.run(webhook.close());
    expect(got.map((each) => each.at)).toEqual([0, 1000, 3000]);
    expect(new Set(got.map(({ headers }) => headers['x-deployctl-signature'])).size).toBe(3);
    expect(warnings).toEqual([]);
  });

  it.each([
    [404, 1, 0],
    [500, 3, 4000],
    ['refuse', 3, 4000],
    ['hang', 2, 15_000],
  ] as const)(
    'answers %s: %d tries in %d ms, one warning that does not name the address',
    async (answer, tries, ms) => {
      const { got, warnings, clock, options } = receiver(answer);
      const webhook = make(options);
      webhook.report(at(0, ended()));
      await clock.run(webhook.close());
      expect(got).toHaveLength(tries);
      expect(clock.monotonic()).toBe(ms);
      expect(warnings).toEqual([expect.stringMatching(/^webhook audit: .*the rollout is not affected$/)]);
      expect(warnings.join('')).not.toMatch(/hooks\.example|credential|keep-it/);
    },
  );

  it('says after a crash what was not said before it, and nothing else', async () => {
    const { got, clock, options } = receiver(200);
    const webhook = make({ ...options, alreadySent: new Set(['webhook-audit.start', 'webhook-audit.rollback']) });
    for (const event of story) webhook.report(event);
    await clock.run(webhook.close());
    expect(got.map(({ headers }) => headers['x-deployctl-delivery'])).toEqual(['ro-20261124-195312-4f2a/end@2']);
  });

  it('has 2 s when the rollout is interrupted', async () => {
    const { warnings, clock, options } = receiver('hang');
    const webhook = make(options);
    webhook.report(story[0] ?? at(0, ended()));
    webhook.report(at(1, ended({ outcome: 'interrupted' })));
    await clock.run(webhook.close());
    expect(clock.monotonic()).toBe(2000);
    expect(warnings).toHaveLength(1);
  });
});
