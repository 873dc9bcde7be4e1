import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { eventLineSchema } from '../../src/presentation/schemas/events.js';
import { eventsSchemaText, outputSchemaText } from '../../src/presentation/schemas/json-schema.js';
import { createNdjson } from '../../src/reporters/ndjson.js';
import { at, ended, failure, story, view } from '../reporters/_story.js';

async function linesOf(events: typeof story): Promise<readonly unknown[]> {
  const stream = new PassThrough();
  const log = createNdjson({ stream, end: true, failed: (why) => expect.fail(why) });
  for (const event of events) log.report(event);
  await log.close();
  const text = String(stream.read());
  return text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

describe('lines of the event log', () => {
  it('are what the schema says, all of them', async () => {
    const action = {
      is: 'weights',
      route: 'arn:r',
      frame: 'f',
      expected: [],
      set: [{ group: 'arn:g', weight: 1 }],
    } as const;
    const more = [
      at(200, { type: 'note', level: 'warning', text: 'x' }),
      at(201, { type: 'action.failed', action, text: 'weights', why: 'throttled' }),
      at(202, { type: 'traffic.shifted', service: 'backend', color: 'green', percent: 10 }),
      at(203, { type: 'bake.started', key: 'shift/10', until: 1 }),
      at(203, { type: 'probe.sampled', probe: 'home', latency: 12, why: 'GET https://shop/ answered 503, wanted 200' }),
      at(204, { type: 'hold.started', reason: 'x', until: 1 }),
      at(205, { type: 'rollback.started', reason: 'x', failure }),
      at(206, { type: 'view', view: view({ aim: 'old' }) }),
      at(206, { type: 'outage.started', service: 'backend', color: 'green', percent: 50, movesTo: 'blue' }),
      at(206, { type: 'outage.ended', service: 'backend', color: 'green', lasted: 1 }),
      at(207, ended({ outcome: 'held' })),
    ];
    const lines = await linesOf([...story, ...more]);
    expect(lines.length).toBe(story.length + more.length);
    for (const line of lines) expect(eventLineSchema.safeParse(line).error, JSON.stringify(line)).toBeUndefined();
    const types = new Set(lines.map((line) => (line as { type: string }).type));
    expect([...types].sort()).toEqual(eventLineSchema.options.map((option) => option.shape.type.value).sort());
  });

  it('and nothing else is', async () => {
    const [line] = await linesOf(story);
    expect(eventLineSchema.safeParse({ ...(line as object), version: 2 }).success).toBe(false);
    expect(eventLineSchema.safeParse({ ...(line as object), extra: 1 }).success).toBe(false);
  });
});

describe('generated schemas', () => {
  it('leave room for fields to come', () => {
    expect(eventsSchemaText() + outputSchemaText()).not.toContain('"additionalProperties": false');
  });

  it('are the files of the package', async () => {
    expect(await readFile('schema/events.schema.json', 'utf8')).toBe(eventsSchemaText());
    expect(await readFile('schema/output.schema.json', 'utf8')).toBe(outputSchemaText());
  });
});
