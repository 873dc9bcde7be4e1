import { describe, expect, it } from 'vitest';
import type { ReportResult } from '../../src/operations/report.js';
import { pictureOf } from '../../src/presentation/report/event-log.js';
import { reportPage } from '../../src/presentation/report/page.js';
import { eventLine } from '../../src/reporters/ndjson.js';
import { at, line, START, story, view } from '../reporters/_story.js';

const moment = (seconds: number): string => new Date(START + seconds * 1000).toISOString();

/** A rollout that went back. */
function rolledBack(more: Partial<ReportResult> = {}): ReportResult {
  return {
    schemaVersion: 1,
    app: 'shop',
    environment: 'production',
    rollout: 'ro-20261124-195312-4f2a',
    kind: 'rollout',
    strategy: 'blue-green',
    by: 'anna@laptop',
    from: 'r-1',
    to: 'r-2',
    services: [{ service: 'backend', from: '1.0.0', to: '1.1.0' }],
    startedAt: moment(0),
    endedAt: moment(100),
    outcome: 'rolled-back',
    reason: 'probe api: 1 of 3 samples good, wanted 90%',
    phase: 'rolled back',
    serving: 'r-1',
    excluded: [],
    timeline: [
      { at: moment(1), afterSeconds: 1, is: 'phase', text: 'pull the images' },
      { at: moment(50), afterSeconds: 50, is: 'traffic', text: 'backend: 10% of the traffic to green' },
      { at: moment(80), afterSeconds: 80, is: 'back', text: 'goes back: probe api' },
    ],
    leftOut: 0,
    seconds: 100,
    weights: [
      { afterSeconds: 0, service: 'backend', percents: { blue: 100, green: 0 } },
      { afterSeconds: 50, service: 'backend', percents: { blue: 90, green: 10 } },
      { afterSeconds: 80, service: 'backend', percents: { blue: 100, green: 0 } },
    ],
    lanes: [
      {
        instance: 'i-0abc000000000001',
        name: 'shop-1',
        service: 'backend',
        color: 'green',
        places: [
          { afterSeconds: 0, place: 'empty' },
          { afterSeconds: 25, place: 'serving' },
        ],
      },
    ],
    probes: [
      {
        probe: 'api',
        buckets: [
          { afterSeconds: 50, good: 9, bad: 0, p50Ms: 10, p95Ms: 30 },
          { afterSeconds: 55, good: 1, bad: 1, p50Ms: 20, p95Ms: 40 },
          { afterSeconds: 60, good: 0, bad: 3 },
        ],
      },
    ],
    damaged: [],
    missing: [],
    ...more,
  };
}

/** Every string of a document replaced, keys and enumerations aside. */
function hostile<T>(value: T, text: string, keep: readonly string[]): T {
  if (Array.isArray(value)) return value.map((each: unknown) => hostile(each, text, keep)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (typeof inner === 'string' && !keep.includes(key)) return [key, text];
      if (keep.includes(key)) return [key, inner as unknown];
      return [key, Array.isArray(inner) && typeof inner[0] === 'string' ? [text] : hostile(inner, text, keep)];
    }),
  ) as T;
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;

describe('the page of a rollout', () => {
  it('has a chart a service, a lane an instance, two charts a probe, a row an entry, and a line where it turned', () => {
    // Where an attribute stands on a line of its own is of no interest.
    const page = reportPage(rolledBack()).replace(/\s+/g, ' ');
    expect(page).toMatch(/<title>shop\/production rollout rolled-back, ro-20261124-195312-4f2a<\/title>/);
    expect(page).toMatch(/class="badge rolled-back">rolled-back</);
    expect(page).toMatch(
      /aria-label="backend: blue 100%, green 0%, then blue 90%, green 10%, then blue 100%, green 0%"/,
    );
    expect(page).toMatch(/class="green" x="50" y="0" width="30" height="10"/);
    expect(page).toMatch(/aria-label="shop-1: empty from \+0s, serving from \+25s"/);
    expect(page).toMatch(/class="span serving"\s*style="left:25%;width:75%"/);
    expect(page).toMatch(/14 samples,\s+4 failed \(28\.6%\)/);
    // 30 and 40 of at most 50 ms; the third span had no good answer and so no latency.
    expect(page).toMatch(/class="line p95" d="M50 40h0L55 20"/);
    expect(page).toMatch(/class="bad" x="55" y="50" width="5" height="50"/);
    expect(count(page, /<tr class="(?:phase|traffic|back)">/g)).toBe(3);
    // Weights, lane, latency, failures.
    expect(count(page, /class="mark back"\s*style="left:80%"/g)).toBe(4);
  });

  it('has the figures behind each chart', () => {
    const page = reportPage(rolledBack()).replace(/\s+/g, ' ').replace(/> </g, '><');
    expect(page).toContain('<tr><th>from</th><th>share</th></tr>');
    expect(page).toContain('<tr><td>+50s</td><td>blue 90%, green 10%</td></tr>');
    expect(page).toContain(
      '<tr><th>from</th><th>good</th><th>failed</th><th>median</th><th>95%</th></tr></thead><tbody><tr><td>+50s</td><td>9</td><td>0</td><td>10 ms</td><td>30 ms</td></tr>',
    );
    expect(page).toContain('<tr><td>+1m 00s</td><td>0</td><td>3</td><td></td><td></td></tr>');
    expect(count(page, /<table class="figures">/g)).toBe(2);
  });

  it('says in words that a rolling rollout moved no weights, and draws no block of one color', () => {
    const steady = [0, 40].map((afterSeconds) => ({ afterSeconds, service: 'backend', percents: { blue: 100 } }));
    const page = reportPage(rolledBack({ strategy: 'rolling', weights: steady })).replace(/\s+/g, ' ');
    expect(page).toMatch(/<h3>backend<\/h3> <p>blue 100% from the first to the last moment<\/p>/);
    expect(page).not.toMatch(/<rect class="(?:blue|green)"|class="key (?:blue|green)"/);
  });

  it('asks for nothing from outside, and its own policy would forbid it', () => {
    const page = reportPage(rolledBack());
    expect(page).toContain(
      `http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"`,
    );
    expect(page).not.toMatch(
      /<(?:script|link|img|iframe|object|embed|base|form|a)\b|\b(?:src|href|on\w+)\s*=|url\(|@import/i,
    );
  });

  it.each([
    `<script>alert(1)</script>`,
    `"><img src=x onerror=alert(1)>`,
    `' onmouseover='alert(1)`,
    `</style></title><svg/onload=alert(1)>`,
    `&lt;b&gt; \u202egnp.exe \u001b[31m \u0000`,
  ])('shows %j as text wherever it stands', (text) => {
    const keep = ['startedAt', 'endedAt', 'at', 'is', 'outcome', 'color', 'place'];
    const page = reportPage(hostile(rolledBack({ excluded: ['x'], missing: ['x'], leftOut: 1 }), text, keep));
    const plain = reportPage(hostile(rolledBack({ excluded: ['x'], missing: ['x'], leftOut: 1 }), 'x', keep));
    const tags = (of: string): readonly string[] => [...of.matchAll(/<(\/?\w+)/g)].map(([, name]) => name ?? '');
    expect(tags(page)).toEqual(tags(plain));
    const attributes = (of: string): readonly string[] =>
      [...of.replace(/="[^"]*"/g, '=""').matchAll(/<\w+([^>]*)>/g)].map(([, inside]) =>
        (inside ?? '').replace(/\s+/g, ' '),
      );
    expect(attributes(page)).toEqual(attributes(plain));
    // eslint-disable-next-line no-control-regex -- that there is none is what is looked for
    expect(page).not.toMatch(/[\u0000\u001b\u202e]/);
  });

  it('says what is missing instead of drawing nothing', () => {
    const empty = { weights: [], lanes: [], probes: [], timeline: [], missing: ['no picture was stored: <why>'] };
    const page = reportPage(rolledBack(empty));
    expect(page).toMatch(/What is not drawn[^]*<li>no picture was stored: &lt;why&gt;<\/li>/);
    expect(page).toMatch(/No timeline was stored; the last phase was: rolled back/);
    expect(page).not.toMatch(/<svg|<h2>(?:Traffic|Instances|Probes)/);
  });

  it('stands a rollout that took no time, or has not ended', () => {
    const page = reportPage({ ...rolledBack({ seconds: 0, outcome: 'unfinished' }) });
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('an event log', () => {
  const log = (...more: readonly string[]): string =>
    [...story.map((event) => JSON.stringify(eventLine(event))), ...more].join('\n');

  it('is drawn, whatever a later version adds to it', () => {
    const future = JSON.stringify({ version: 1, time: moment(1), type: 'hail', what: 1 });
    const sample = JSON.stringify(eventLine(at(90, { type: 'probe.sampled', probe: 'api', latency: 7 })));
    const odd = view({ instances: [{ ...line(1, 'serving'), place: 'orbiting' as 'serving' }] });
    const last = JSON.stringify(eventLine(at(91, { type: 'view', view: odd })));
    const { rollout, picture } = pictureOf(log(future, sample, last), 'e');
    expect(rollout).toBe('ro-20261124-195312-4f2a');
    expect(picture.lanes.length).toBeGreaterThan(1);
    expect(picture.lanes.find(({ name }) => name === 'shop-1')?.places.at(-1)).toEqual([91_000, 'unknown']);
    expect(picture.probes).toEqual([{ probe: 'api', buckets: [{ after: 90_000, good: 1, bad: 0, p50: 7, p95: 7 }] }]);
  });

  it('may end in the midst of a line, and nowhere else', () => {
    expect(pictureOf(log('{"version":1,"ty'), 'e').rollout).toBe('ro-20261124-195312-4f2a');
    expect(() => pictureOf(log('{"version":1,"ty', '{}'), 'e')).toThrow(
      /e is not the event log of a rollout: line \d+ is no event/,
    );
  });

  it('without a rollout in it is refused', () => {
    expect(() => pictureOf('', 'empty')).toThrow(/empty is not the event log of a rollout: it shows no moment/);
    expect(() => pictureOf('app: shop\n', 'deployctl.yml')).toThrow(/line 1 is no event/);
  });
});
