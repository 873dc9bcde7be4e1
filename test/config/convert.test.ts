import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { ServiceSettings } from '../../src/domain/settings.js';
import { added, parse } from './helpers.js';

const files = new URL('files/', import.meta.url);

function backend(text: string): ServiceSettings {
  const service = parse(text).environments.production?.services.find((each) => each.name === 'backend');
  if (service === undefined) throw new Error('the text has no backend in production');
  return service;
}

describe('settings', () => {
  test('of a file that uses every key', async () => {
    const settings = parse(await readFile(new URL('every-key.yml', files), 'utf8'));
    await expect(`${JSON.stringify(settings, null, 2)}\n`).toMatchFileSnapshot('files/every-key.json');
  });

  test('services are in the order of the top level, whatever the order in the environment', async () => {
    const text = await readFile(new URL('every-key.yml', files), 'utf8');
    const swapped = text.replace(/( {6}backend:\n(?: {8}.*\n)+)( {6}frontend:\n(?: {8}.*\n)+)/, '$2$1');
    expect(swapped).not.toBe(text);
    expect(parse(swapped)).toEqual(parse(text));
  });

  test('an environment overrides: maps key by key, all else as a whole', () => {
    const top = [
      '    env: { A: top, B: top }',
      '    run: ["--init"]',
      '    checks: [{ path: /a }, { path: /b }]',
      '    warm: 0',
    ];
    const over = [
      '        env: { B: here, C: here }',
      '        run: ["--memory=1g"]',
      '        checks: []',
      '        health: { passes: 9 }',
    ];
    const { run, warm } = backend(added(7, ...top).concat('\n', over.join('\n')));
    expect(run.env).toEqual({ A: 'top', B: 'here', C: 'here' });
    expect(run.runOptions).toEqual(['--memory=1g']);
    expect(run.checks).toEqual([]);
    expect(run.health).toEqual({ path: '/health', passes: 9, interval: 1000, timeout: 2000, startTimeout: 60_000 });
    expect(warm).toBe('none');
  });

  test('an override fills in no defaults of its own', () => {
    const { run } = backend(added(7, '    stop-timeout: 45s').concat('\n        health: { path: /ready }'));
    expect(run.stopTimeout).toBe(45_000);
    expect(run.health.path).toBe('/ready');
  });
});
