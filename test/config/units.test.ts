import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeployctlError } from '../../src/domain/errors.js';
import {
  MAX_DURATION,
  formatDuration,
  parseAmount,
  parseDuration,
  parseShare,
  parseStatus,
  parseSteps,
  parseWarm,
} from '../../src/config/units.js';

describe('durations', () => {
  test.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['2m500ms', 120_500],
    ['1d', 86_400_000],
    ['0', 0],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    ['5', '"5": a duration needs a unit, such as 5s or 5m'],
    ['', '"": not a duration; write it like 500ms, 90s, 5m or 1h30m'],
    ['30m1h', '"30m1h": not a duration; write it like 500ms, 90s, 5m or 1h30m'],
    ['1.5h', '"1.5h": not a duration; write it like 500ms, 90s, 5m or 1h30m'],
    ['5 m', '"5 m": not a duration; write it like 500ms, 90s, 5m or 1h30m'],
    ['-5m', '"-5m": not a duration; write it like 500ms, 90s, 5m or 1h30m'],
    ['5M', '"5M": not a duration; write it like 500ms, 90s, 5m or 1h30m'],
    ['99999999999999999999h', '"99999999999999999999h": a duration is at most 366d'],
  ])('%j is refused', (text, message) => {
    expect(() => parseDuration(text)).toThrow(new DeployctlError({ code: 'usage.value', message, exitCode: 64 }));
  });

  test('formatting is read back as the same number', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: MAX_DURATION }), (ms) => parseDuration(formatDuration(ms)) === ms));
  });

  test('any text is read or refused as a usage error, never anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(\d{0,3}(d|h|m|s|ms)?){0,4}$/)), (text) => {
        for (const parse of [parseDuration, parseAmount, parseShare, parseStatus, parseSteps, parseWarm]) {
          try {
            expect(JSON.stringify(parse(text))).not.toMatch(/null|NaN/);
          } catch (error) {
            if (!(error instanceof DeployctlError)) throw error;
            expect(error.exitCode).toBe(64);
            expect(error.message.startsWith(`${JSON.stringify(text)}: `)).toBe(true);
          }
        }
      }),
    );
  });
});

describe('amounts, shares, status codes, steps, warm', () => {
  test('accepted', () => {
    expect(parseAmount('2')).toEqual({ is: 'count', value: 2 });
    expect(parseAmount('25%')).toEqual({ is: 'percent', value: 25 });
    expect(parseShare('99%')).toBe(0.99);
    expect(parseShare('99.5%')).toBeCloseTo(0.995, 10);
    expect(parseStatus('200')).toEqual([[200, 200]]);
    expect(parseStatus('200-299, 304')).toEqual([
      [200, 299],
      [304, 304],
    ]);
    expect(parseSteps('10,50,100')).toEqual([10, 50, 100]);
    expect(parseWarm('until-next')).toBe('until-next');
    expect(parseWarm('0')).toBe('none');
  });

  test.each([
    [parseAmount, '0', '"0": not an amount; write a number like 2 or a share of the fleet like 25%, at least 1'],
    [parseAmount, '101%', '"101%": a share is at most 100%'],
    [parseAmount, 'half', '"half": not an amount; write a number like 2 or a share of the fleet like 25%, at least 1'],
    [parseShare, '0.99', '"0.99": not a share; write it like 99% or 99.5%, at most 100%'],
    [parseStatus, '299-200', '"299-200": not a list of HTTP status codes; write it like 200 or 200-299,304'],
    [parseStatus, '2xx', '"2xx": not a list of HTTP status codes; write it like 200 or 200-299,304'],
    [parseSteps, '50,10,100', '"50,10,100": steps must ascend, like 10,50,100'],
    [parseSteps, '10,50', '"10,50": the last step must be 100: a shift ends with all traffic on the new version'],
    [parseSteps, '0,100', '"0,100": steps are whole percentages from 1 to 100, like 10,50,100'],
    [parseSteps, '', '"": steps are whole percentages from 1 to 100, like 10,50,100'],
    [parseWarm, '30m', '"30m": write until-next or 0; deployctl retire stops the previous color at any time'],
  ] as const)('refused: %# %s', (parse, text, message) => {
    expect(() => parse(text)).toThrow(new DeployctlError({ code: 'usage.value', message, exitCode: 64 }));
  });
});
