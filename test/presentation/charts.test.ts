import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { runInThisContext } from 'node:vm';
import { parseHTML } from 'linkedom';
import { beforeAll, describe, expect, it, vi } from 'vitest';

/** As much of Mermaid as is asked for. Its small build is the whole parser, in a script for browsers. */
interface Mermaid {
  parse(text: string): Promise<{ readonly diagramType: string }>;
  readonly mermaidAPI: { getDiagramFromText(text: string): Promise<{ readonly db: { getTasks?(): readonly Task[] } }> };
}
interface Task {
  readonly section: string;
  readonly task: string;
  readonly startTime: Date;
  readonly crit?: boolean;
  readonly milestone?: boolean;
}
type Summary = (command: string, outcome: string, result: object, events: readonly object[]) => string;

declare global {
  var mermaid: Mermaid;
}
let summary: Summary;
beforeAll(async () => {
  const require = createRequire(import.meta.url);
  const script = require.resolve('@mermaid-js/tiny');
  // It cleans labels by DOMPurify, which looks for a page once, when it is loaded.
  vi.stubGlobal('window', parseHTML('<html></html>') as object);
  runInThisContext(await readFile(script, 'utf8'), script);
  vi.unstubAllGlobals();
  ({ summary } = (await import(/* @vite-ignore */ resolve('action/summary.js'))) as { readonly summary: Summary });
});

const chartsIn = (text: string): readonly string[] =>
  [...text.matchAll(/^```mermaid\n([^]*?)\n```$/gm)].map(([, chart]) => chart ?? '');

describe('the charts of the documents', () => {
  it('are charts', async () => {
    const files = (await readdir('docs')).filter((name) => name.endsWith('.md')).map((name) => join('docs', name));
    const all = await Promise.all(['README.md', ...files].map(async (name) => chartsIn(await readFile(name, 'utf8'))));
    expect(all.flat().length).toBeGreaterThanOrEqual(3);
    for (const chart of all.flat())
      expect(await mermaid.parse(chart), chart).toMatchObject({
        diagramType: expect.stringMatching(/^(flowchart|gantt)/) as string,
      });
  });
});

describe('the timeline of the step summary', () => {
  const START = Date.parse('2026-11-24T19:53:00Z');
  const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString();

  /** The tasks that Mermaid finds where everything that is free text is `name`. */
  async function tasks(name: string): Promise<readonly Task[]> {
    const text = summary('rollout', 'failed', {}, [
      { type: 'phase.changed', phase: name, time: at(0) },
      { type: 'traffic.shifted', service: name, percent: 10, color: 'green', time: at(1) },
      { type: 'rollback.started', reason: name, time: at(2) },
      { type: 'host.failed', name, failure: { message: name }, time: at(3) },
      { type: 'rollout.ended', time: at(4) },
    ]);
    const [chart = '', ...more] = chartsIn(text);
    expect(more).toEqual([]);
    expect(await mermaid.parse(chart), chart).toMatchObject({ diagramType: 'gantt' });
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(chart);
    return db.getTasks?.() ?? [];
  }

  it('has what happened, and when', async () => {
    const found = (await tasks('backend')).map(({ section, task, startTime, crit, milestone }) => {
      const mark = [crit === true ? 'crit' : '', milestone === true ? 'milestone' : ''].join(' ').trim();
      return `${section}: ${task.trim()} @${String((startTime.getTime() - START) / 1000)} ${mark}`.trim();
    });
    expect(found).toEqual([
      'rollout: · backend @0',
      'moments: · backend 10% green @1 milestone',
      'moments: · goes back - backend @2 crit milestone',
      'moments: · backend failed - backend @3 crit milestone',
    ]);
  });

  it.each([
    ...['a:b', 'a;b', 'a#b', 'a,b', 'a%b', '%%', '%% x', '%%{init: {}}%%', '{a}', '"x"', "'x'", '`x`', '```', '\\'],
    ...['two\nlines', '\r\n::error::x', '\t', '', ' ', '🚀', 'é ü', '<b>', '-->', '---', '[x](http://x)', '50%'],
    // What begins a line of its own in this kind of chart.
    ...[
      'end',
      'title',
      'section',
      'section x',
      'gantt',
      'click',
      'click x',
      'call x',
      'href',
      'vert',
      'accTitle',
      'accDescr',
    ],
    ...[
      'dateFormat',
      'axisFormat',
      'tickInterval',
      'excludes',
      'includes',
      'todayMarker',
      'inclusiveEndDates',
      'topAxis',
    ],
    ...[
      'weekday monday',
      'weekend friday',
      'done',
      'crit',
      'active',
      'milestone',
      'after x',
      '2024-01-01',
      'x'.repeat(500),
    ],
  ])('is not broken by %j', async (name) => {
    const found = await tasks(name);
    expect(found.map(({ startTime }) => (startTime.getTime() - START) / 1000)).toEqual([0, 1, 2, 3]);
    expect(found.map(({ section }) => section)).toEqual(['rollout', 'moments', 'moments', 'moments']);
  });
});
