import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createMultiplex } from '../../src/reporters/multiplex.js';
import { createNdjson } from '../../src/reporters/ndjson.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { Recorder } from '../_helpers/record.js';
import { at, story, view } from './_story.js';

describe('many reporters', () => {
  it('all see everything; one that throws is muted with one warning to the others', async () => {
    const clock = new ManualClock();
    const [first, last] = [new Recorder(), new Recorder()];
    let calls = 0;
    const broken = {
      report: () => {
        calls += 1;
        throw new Error('no space left');
      },
      close: () => Promise.reject(new Error('still none')),
    };
    const all = createMultiplex({
      clock,
      reporters: [
        { name: 'first', reporter: first },
        { name: 'the event log', reporter: broken },
        { name: 'last', reporter: last },
      ],
    });
    for (const event of story) all.report(event);
    await all.close();
    expect(calls).toBe(1);
    for (const each of [first, last]) {
      expect(each.events.filter((event) => event.type !== 'note')).toEqual(story);
      expect(each.all('note').map((note) => note.text)).toEqual([
        'the event log says nothing more, the rollout goes on: no space left',
      ]);
      expect(each.closed).toBe(true);
    }
    expect(() => first.expectEvent('hold.started')).toThrow('no matching hold.started event');
  });

  it('who keeps the record hears of it too, and brings it to the others', () => {
    const clock = new ManualClock();
    const others = new Recorder();
    const warnings: string[] = [];
    const broken = {
      report: (): never => {
        throw new Error('no space left');
      },
      close: () => Promise.resolve(),
    };
    const all = createMultiplex({
      clock,
      warn: (text) => warnings.push(text),
      reporters: [
        { name: 'the event log', reporter: broken },
        { name: 'others', reporter: others },
      ],
    });
    for (const event of story) all.report(event);
    expect(warnings).toEqual(['the event log says nothing more, the rollout goes on: no space left']);
    expect(others.events).toEqual(story);
  });

  it('close does not wait for ever', async () => {
    const clock = new ManualClock();
    const stuck = { report: () => undefined, close: () => new Promise<void>(() => undefined) };
    const all = createMultiplex({ clock, reporters: [{ name: 'stuck', reporter: stuck }] });
    const before = clock.now();
    await clock.run(all.close());
    expect(clock.now() - before).toBe(20_000);
    expect(clock.sleeping).toBe(0);
  });
});

describe('NDJSON', () => {
  it('is a version, a time and the event a line; equal views once', async () => {
    let text = '';
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        text += chunk.toString();
        done();
      },
    });
    const reporter = createNdjson({ stream, end: true, failed: () => undefined });
    reporter.report(at(0, { type: 'traffic.shifted', service: 'backend', color: 'green', percent: 10 }));
    reporter.report(at(1, { type: 'view', view: view() }));
    reporter.report(at(2, { type: 'view', view: view() }));
    await reporter.close();
    reporter.report(at(3, { type: 'note', level: 'info', text: 'late' }));
    const lines = text.trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe(
      '{"version":1,"time":"2026-11-24T19:53:12.000Z","type":"traffic.shifted","service":"backend","color":"green","percent":10}',
    );
  });

  it('a stream that breaks is told once and left alone', async () => {
    const failures: string[] = [];
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
    const reporter = createNdjson({ stream, end: true, failed: (why) => failures.push(why) });
    for (const event of story) reporter.report(event);
    await reporter.close();
    await reporter.close();
    expect(failures).toEqual(["the event log can't be written: disk full"]);
  });
});
