import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logLines, oneLine, safeJson } from '../../src/reporters/clean.js';
import { age, bar, countdown, duration, pad, percent, truncate, width, wrap } from '../../src/reporters/format.js';
import { createStyle, wantsColor, wantsLiveView } from '../../src/reporters/style.js';

const ESC = '\u001b';

describe('durations', () => {
  it.each([
    [-5, '0s'],
    [0, '0s'],
    [420, '0.4s'],
    [9960, '10s'],
    [41_000, '41s'],
    [59_700, '1m 00s'],
    [65_000, '1m 05s'],
    [3_599_600, '1h 00m'],
    [7_500_000, '2h 05m'],
    [273_600_000, '3d 04h'],
  ])('%d ms is %s', (ms, text) => expect(duration(ms)).toBe(text));

  it('counts down in whole seconds, and says 0s only at the end', () => {
    expect(countdown(1)).toBe('1s');
    expect(countdown(0)).toBe('0s');
    expect(age(0, 65_000)).toBe('1m 05s ago');
    expect(age(0, 500)).toBe('just now');
    expect(percent(33.333)).toBe('33.3%');
  });
});

describe('widths', () => {
  it('draws a bar empty or full only when it is', () => {
    expect(bar(0.001, 4)).toBe('█░░░');
    expect(bar(0.999, 4)).toBe('███░');
    expect(bar(0, 4)).toBe('░░░░');
    expect(bar(1, 4, false)).toBe('####');
    expect(bar(Number.NaN, 3)).toBe('░░░');
  });

  it('cuts by cells, not by code units', () => {
    expect(truncate('backend', 5)).toBe('back…');
    expect(truncate('日本語のサービス', 6)).toBe('日本…');
    expect(width('👨‍👩‍👧')).toBe(2);
    expect(pad('日本', 6)).toBe('日本  ');
  });

  it('never exceeds the width, and wrapping loses nothing but blanks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.integer({ min: 8, max: 90 }), (raw, cells) => {
        const text = oneLine(raw);
        expect(width(truncate(text, cells))).toBeLessThanOrEqual(cells);
        const lines = wrap(text, cells, '  ');
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(cells);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
      { numRuns: 200 },
    );
  });
});

describe('text from outside', () => {
  it('keeps no escape sequence, control or workflow command', () => {
    expect(oneLine(`a${ESC}[31mred${ESC}[0m\r\n\tb${ESC}]0;title\u0007`)).toBe('ared b');
    expect(oneLine('::error::x')).toBe(': :error::x');
    expect(oneLine('  ::error::x')).toBe(': :error::x');
    expect(oneLine('x ##[add-mask]y')).toBe('x ## [add-mask]y');
    expect(oneLine('abc\u202edef\u200b')).toBe('abc def');
    expect(logLines('a\n\n::set-output::x\rprogress\n\n')).toEqual(['a', '', ': :set-output::x', 'progress']);
    expect(logLines('x\n'.repeat(50))).toHaveLength(20);
    expect(logLines('y'.repeat(1000))[0]).toHaveLength(400);
    expect(safeJson({ a: '\u009b31m\u202e ##[x]' })).toBe('{"a":"\\u009b31m\\u202e #\\u0023[x]"}');
    expect(JSON.parse(safeJson({ a: '\u009b ##[x]' }))).toEqual({ a: '\u009b ##[x]' });
  });

  it('whatever comes in, nothing that a terminal or a runner obeys comes out', () => {
    const nasty = fc.string({
      unit: fc.constantFrom(ESC, '[', '31m', ':', '#', '\r', '\n', 'x', '\u009b', '\u202e', ' ', '\ud83d'),
    });
    fc.assert(
      fc.property(nasty, (raw) => {
        for (const line of [oneLine(raw), ...logLines(raw)]) {
          // eslint-disable-next-line no-control-regex -- that there are none is the point
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]|^\s*::|##\[/);
          expect(line).not.toMatch(/\p{Cs}/u);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('colours', () => {
  const tty = { isTTY: true };
  it.each([
    [tty, {}, true],
    [tty, { NO_COLOR: '1' }, false],
    [tty, { NO_COLOR: '' }, true],
    [tty, { TERM: 'dumb' }, false],
    [tty, { FORCE_COLOR: '0' }, false],
    [{}, {}, false],
    [{}, { FORCE_COLOR: '1' }, true],
    [{}, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ])('%o with %o: %s', (stream, env, wanted) => expect(wantsColor(stream, env)).toBe(wanted));

  it('a live view is for a terminal that a person looks at', () => {
    expect(wantsLiveView(tty, { TERM: 'xterm' })).toBe(true);
    expect(wantsLiveView(tty, { TERM: 'dumb' })).toBe(false);
    expect(wantsLiveView(tty, { CI: 'true' })).toBe(false);
    expect(wantsLiveView({}, {})).toBe(false);
  });

  it('paints only when asked', () => {
    expect(createStyle({ color: false }).paint('x', 'bad')).toBe('x');
    expect(createStyle({ color: true }).paint('x', 'bad')).toBe(`${ESC}[31mx${ESC}[39m`);
  });
});
