import { describe, expect, it } from 'vitest';
import { fold } from '../../src/reporters/fold.js';
import { width } from '../../src/reporters/format.js';

const lines = (text: string, columns = 40): readonly string[] => fold(text, columns).split('\n');

describe('text at a terminal', () => {
  it('breaks between words and goes on below its own text', () => {
    expect(lines('  OK    the credentials do not end, or are renewed by themselves')).toEqual([
      '  OK    the credentials do not end, or',
      '        are renewed by themselves',
    ]);
    expect(lines('        → lower the delay of the group, or raise drain-cap')).toEqual([
      '        → lower the delay of the group,',
      '          or raise drain-cap',
    ]);
    expect(lines('Error: there is no release r-nope of production; known: none')).toEqual([
      'Error: there is no release r-nope of',
      'production; known: none',
    ]);
  });

  it('stays as it is where it fits, blanks and all', () => {
    const table = '  shop-1    eu-west-1a  healthy   x';
    expect(fold(`${table}\n\n${table}`, 40)).toBe(`${table}\n\n${table}`);
  });

  it('never breaks a command: its remark goes below it', () => {
    const command = '  deployctl rollback --env production --to RELEASE';
    expect(lines(`${command}   # see: deployctl history`)).toEqual([command, '      # see: deployctl history']);
    expect(lines(command)).toEqual([command]);
  });

  it('leaves a word that is too long alone on its line, and counts cells, not characters', () => {
    const arn = `arn:aws:${'x'.repeat(60)}`;
    expect(lines(`! the route ${arn} is gone`)).toEqual(['! the route', `  ${arn}`, '  is gone']);
    for (const line of lines('界'.repeat(10).concat(' ').repeat(6))) expect(width(line)).toBeLessThanOrEqual(40);
  });
});
