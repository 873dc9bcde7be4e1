import { describe, expect, it } from 'vitest';
import { memoryLimit, refuseOn, sharedPorts } from '../../src/operations/preflight.js';
import { ports, twoSets } from '../_helpers/plan.js';

describe('memoryLimit', () => {
  it.each([
    [['--memory=512m'], 512 * 1024 ** 2],
    [['--memory', '1g'], 1024 ** 3],
    [['-m', '256M'], 256 * 1024 ** 2],
    [['-m=64kb'], 64 * 1024],
    [['--memory=1048576'], 1048576],
    [['--memory-swap=1g'], undefined],
    [['--name', 'memory', '--network=host'], undefined],
    [['--memory'], undefined],
    [[], undefined],
  ] as const)('%j → %s', (options, bytes) => {
    expect(memoryLimit(options)).toBe(bytes);
  });
});

describe('refuseOn', () => {
  it('names every refusal with its fix, and lets warnings pass', () => {
    const warn = { level: 'warn', text: 'w', fix: 'fw' } as const;
    expect(() => {
      refuseOn([warn]);
    }).not.toThrow();
    const refuse = (text: string) => ({ level: 'refuse', text, fix: `fix ${text}` }) as const;
    expect(() => {
      refuseOn([refuse('a'), warn, refuse('b')]);
    }).toThrow(
      expect.objectContaining({
        code: 'preflight.refused',
        exitCode: 12,
        next: ['fix a', 'fix b'],
        message: expect.stringMatching(/- a\n {2}- b$/) as string,
      }) as Error,
    );
  });
});

describe('sharedPorts', () => {
  const topology = (green: number): Parameters<typeof sharedPorts>[0] => ({
    groups: [],
    services: [
      {
        settings: { name: 'backend' } as Parameters<typeof sharedPorts>[0]['services'][number]['settings'],
        colors: {
          blue: { color: 'blue', port: 8080, group: 'arn:b' },
          green: { color: 'green', port: green, group: 'arn:g' },
        },
        routes: [],
      },
    ],
  });
  it('refuses one host port for both colors, but for two sets of instances', () => {
    expect(sharedPorts(topology(8080), ports)).toMatchObject([
      { level: 'refuse', text: expect.stringContaining('8080') as string },
    ]);
    expect(sharedPorts(topology(8081), ports)).toEqual([]);
    expect(sharedPorts(topology(8080), twoSets)).toEqual([]);
  });
});
