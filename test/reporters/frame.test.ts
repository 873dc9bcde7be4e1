import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Place } from '../../src/domain/event.js';
import { frame, header } from '../../src/reporters/frame.js';
import { width } from '../../src/reporters/format.js';
import { createStyle } from '../../src/reporters/style.js';
import { line, START, view } from './_story.js';

const bare = createStyle({ color: false });
const draw = (columns: number, rows = 24): readonly string[] => {
  const options = { columns, rows, now: START + 65_000, style: bare };
  return [header(view(), options), ...frame(view(), options)];
};

describe('the live view', () => {
  it('at 80 columns', () => {
    expect(draw(80).join('\n')).toMatchInlineSnapshot(`
      "shop/production  rollout, rolling: replacing  1m 05s of about 4m 10s
        backend   1.0.0 → 1.1.0  1 of 4 serving
        frontend  1.0.0 → 1.1.0  blue 90% ██████████████████░░ 10% green
        backend  shop-1  eu-west-1a  serving
        backend  shop-2  eu-west-1b  draining      41s  the load balancer to finish…
        backend  shop-3  eu-west-1a  old
        backend  shop-4  eu-west-1b  bad       its kept old container
        waiting, 1m 00s at most: traffic to settle (frontend)
        one instance at a time, 3 targets stay healthy"
    `);
  });

  it('at 50 columns', () => {
    expect(draw(50).join('\n')).toMatchInlineSnapshot(`
      "shop/production  rollout, rolling: rep…  1m 05s
        backend   1.0.0 → 1.1.0  1 of 4 serving
        frontend  1.0.0 → 1.1.0  blue 90%  10% green
        backend  shop-1  serving
        backend  shop-2  draining      41s  the load b…
        backend  shop-3  old
        backend  shop-4  bad       its kept old contai…
        waiting, 1m 00s at most: traffic to settle (fr…
        one instance at a time, 3 targets stay healt…"
    `);
  });

  it('at 120 columns', () => {
    expect(draw(120).join('\n')).toMatchInlineSnapshot(`
      "shop/production  rollout, rolling: replacing  1m 05s of about 4m 10s
        backend   1.0.0 → 1.1.0  1 of 4 serving
        frontend  1.0.0 → 1.1.0  blue 90% ██████████████████░░ 10% green
        backend  i-0abc000000000001 (shop-1)  eu-west-1a  serving
        backend  i-0abc000000000002 (shop-2)  eu-west-1b  draining      41s  the load balancer to finish open requests in sh…
        backend  i-0abc000000000003 (shop-3)  eu-west-1a  old
        backend  i-0abc000000000004 (shop-4)  eu-west-1b  bad       its kept old container
        waiting, 1m 00s at most: traffic to settle (frontend)
        one instance at a time, 3 targets stay healthy"
    `);
  });

  it('in ASCII, rolling back', () => {
    const options = { columns: 80, rows: 24, now: START, style: createStyle({ color: false, unicode: false }) };
    const back = view({ aim: 'old', phase: 'restoring' });
    expect(header(back, options)).toContain('rolling back, rolling: restoring');
    expect(frame(back, options).join('\n')).toContain('blue 90% ##################-- 10% green');
  });

  it('has no empty phase, no estimate that is over, and no word twice', () => {
    const options = { columns: 80, rows: 24, now: START + 65_000, style: bare };
    expect(header(view({ phase: '' }), options)).toBe('shop/production  rollout, rolling  1m 05s of about 4m 10s');
    for (const estimate of [0, 64_000])
      expect(header(view({ estimate }), options)).toBe('shop/production  rollout, rolling: replacing  1m 05s');
    expect(header(view({ kind: 'retire', strategy: 'retire' }), options)).toMatch(
      /^shop\/production {2}retire: replacing/,
    );
  });

  it('shows what moves or is wrong when not all instances fit', () => {
    const many = view({
      instances: Array.from({ length: 50 }, (_, n) => line(n, n === 41 ? 'bad' : n < 9 ? 'serving' : 'old')),
    });
    const lines = frame(many, { columns: 80, rows: 12, now: START, style: bare });
    expect(lines).toHaveLength(11);
    expect(lines.join('\n')).toContain('shop-41');
    expect(lines.join('\n')).toMatch(/… 44 more: 9 serving, 35 old/);
  });

  it('is never as wide as the terminal nor higher than it, and has no escape sequence without colour', () => {
    const places: Place[] = ['old', 'draining', 'serving', 'bad', 'unknown', 'excluded'];
    const instance = fc.record({
      n: fc.integer({ min: 0, max: 9 }),
      place: fc.constantFrom(...places),
      name: fc.string({ unit: 'grapheme', maxLength: 60 }),
      waitsFor: fc.string({ unit: 'grapheme', maxLength: 100 }),
      until: fc.integer({ min: START - 1e6, max: START + 1e9 }),
    });
    fc.assert(
      fc.property(
        fc.array(instance, { maxLength: 40 }),
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.integer({ min: 20, max: 200 }),
        fc.integer({ min: 4, max: 60 }),
        (all, text, columns, rows) => {
          const options = { columns, rows, now: START, style: bare };
          const seen = view({
            phase: text,
            reason: `${text}\u001b[2J`,
            services: [{ service: text, from: text, to: text, live: 'green', weights: { blue: 33.3, green: 66.7 } }],
            instances: all.map(({ n, ...more }) => line(n, more.place, more)),
          });
          const lines = frame(seen, options);
          expect(lines.length).toBeLessThan(rows);
          for (const each of [`⠋ ${header(seen, options)}`, ...lines]) {
            expect(width(each)).toBeLessThan(columns);
            expect(each).not.toContain('\u001b');
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
