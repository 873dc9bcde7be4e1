import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Place } from '../../src/domain/event.js';
import { endMessage, progressMessage, rollbackMessage } from '../../src/reporters/discord/embeds.js';
import type { Message } from '../../src/reporters/discord/embeds.js';
import { codeBlock, fit } from '../../src/reporters/discord/limits.js';
import { at, ended, failure, line, START, summary, view } from './_story.js';

/** As Discord checks a message before it takes it. */
function check(message: Message): void {
  const [embed] = message.embeds;
  const within = (text: string, limit: number): void => {
    expect(text.trim()).not.toBe('');
    expect(text.length).toBeLessThanOrEqual(limit);
    expect(text).not.toMatch(/\p{Cs}/u);
  };
  within(embed.title, 256);
  if (embed.description !== undefined) within(embed.description, 4096);
  if (embed.footer !== undefined) within(embed.footer.text, 2048);
  expect(embed.fields.length).toBeLessThanOrEqual(25);
  let total = embed.title.length + (embed.description?.length ?? 0) + (embed.footer?.text.length ?? 0);
  for (const field of embed.fields) {
    within(field.name, 256);
    within(field.value, 1024);
    total += field.name.length + field.value.length;
    if (field.value.startsWith('```')) expect(field.value.endsWith('\n```')).toBe(true);
  }
  expect(total).toBeLessThanOrEqual(6000);
}

const text = (maxLength: number) =>
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom('a', '`', '*', '👩‍👧', '\n', ' ', '\u001b[1m', '\ud83d', '@everyone '),
      maxLength,
    }),
    fc.constantFrom('', ' ', '\n\t'),
    fc.integer({ min: 1, max: maxLength * 10 }).map((n) => '_'.repeat(n)),
  );

describe('embeds', () => {
  it('are within the limits whatever they are made of', () => {
    const places: Place[] = ['old', 'serving', 'bad'];
    fc.assert(
      fc.property(
        text(2000),
        text(2000),
        text(9000),
        fc.array(fc.tuple(text(100), text(400)), { maxLength: 40 }),
        fc.array(fc.tuple(fc.constantFrom(...places), text(300)), { maxLength: 60 }),
        (a, b, log, services, instances) => {
          const of = {
            ...summary,
            app: a,
            by: b,
            strategy: a,
            services: services.map(([service, to]) => ({ service, from: to, to })),
          };
          const failed = { ...failure, message: a, lastProbe: b, logTail: log };
          const seen = view({ instances: instances.map(([place, name]) => line(1, place, { name, waitsFor: name })) });
          const picture = { summary: of, startedAt: START, phase: a, reason: b, state: 'running' as const, view: seen };
          const end = at(1, ended({ summary: of, reason: log, serving: a, failure: failed, next: [b, log] }));
          check(progressMessage(picture));
          check(rollbackMessage(picture, START, failed, undefined));
          if (end.type === 'rollout.ended') check(endMessage(end, '@here'));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('keep the end of a log, and a code block a code block', () => {
    const block = codeBlock(Array.from({ length: 400 }, (_, n) => `line ${n} \`\`\` x`));
    expect(block.length).toBeLessThanOrEqual(1024);
    expect(block).toMatch(/^```\n…/);
    expect(block).toMatch(/line 399 ''' x\n```$/);
    const field = { name: 'Log', value: '```\n' + 'x'.repeat(1000) + '\n```' };
    const fitted = fit({ title: 't', color: 0, description: 'd'.repeat(4096), fields: [field, field, field] });
    for (const each of fitted.fields) expect(each.value).toMatch(/^```\n[^`]+\n```$/);
  });

  it.each([
    ['@here', { parse: ['everyone'] }],
    ['<@123>', { parse: [], users: ['123'] }],
    ['ops please', { parse: [] }],
    [undefined, { parse: [] }],
  ])('mention %s: nobody else is notified', (mention, allowed) => {
    const picture = { summary, startedAt: START, phase: 'x', reason: '@everyone <@1>', state: 'running' as const };
    expect(rollbackMessage(picture, START, undefined, mention).allowed_mentions).toEqual(allowed);
  });
});
