/** What is too large, too deep or has a name that means something else is refused, and at once. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { loadSettings } from '../../src/config/load.js';
import { parseImage } from '../../src/config/images.js';
import { parseAmount, parseDuration, parseDurationIn, parseSteps } from '../../src/config/units.js';
import { added, edited, parse, problems, SMALL } from './helpers.js';

/** A file of so many services and environments. */
function many(services: number, environments = 1): string {
  const names = Array.from({ length: services }, (_, index) => `s${String(index)}`);
  const lines = names.flatMap((name) => [
    `  ${name}:`,
    `    image: shop/${name}`,
    '    container: { port: 80 }',
    '    health: { path: / }',
  ]);
  const placed = names.map(
    (name, index) =>
      `      ${name}: { blue: { port: ${String(index + 1)}, target-group: g-${name} }, routes: [{ load-balancer: shop, path: /${name} }] }`,
  );
  const places = Array.from({ length: environments }, (_, index) => [
    `  e${String(index)}:`,
    '    fleet: { tags: { App: shop } }',
    '    services:',
    ...placed,
  ]);
  return ['app: shop', 'region: eu-west-1', 'services:', ...lines, 'environments:', ...places.flat()].join('\n');
}

/** Milliseconds of the processor, however busy the machine is, that are nothing to wait for. */
const AT_ONCE = 5000;
const spent = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};

describe('a configuration that nobody can mean', () => {
  it.each<[string, string, RegExp]>([
    ['thousands of services', many(1500), /^deployctl\.yml:3: services: has 1500 entries; at most 100 are allowed/],
    ['hundreds of environments', many(1, 300), /^deployctl\.yml:8: environments: has 300 entries; at most 100/],
    ['nesting of lists', `a: ${'['.repeat(20_000)}`, /not YAML.*nested too deeply/],
    [
      'nesting of maps',
      Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
      /nested too deeply/,
    ],
    ['nesting that still parses', `a: ${'['.repeat(100)}${']'.repeat(100)}`, /nested too deeply/],
    [
      'aliases that multiply',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghij']
        .map(
          (key, index) =>
            `${key}: &${key} [${Array(9)
              .fill(`*${'abcdefghij'[index] ?? ''}`)
              .join(',')}]`,
        )
        .join('\n')}`,
      /Excessive alias count/,
    ],
    [
      'aliases that make much of little',
      `x: &x [${Array(2000).fill('1').join(',')}]\ny: [${Array(90).fill('*x').join(',')}]\n`,
      /with its aliases the file has more than 50000 values/,
    ],
    [
      'steps without end',
      added(9, `    steps: [${Array.from({ length: 5000 }, (_, index) => index + 1).join(', ')}]`),
      /steps: .{0,70}: steps are whole percentages/,
    ],
    [
      'a bake of years',
      added(9, '    timing: { bake: 99999h }'),
      /timing\.bake: "99999h": (a duration is at most 366d|must be)/,
    ],
    ['a bake of weeks', added(9, '    timing: { bake: 300h }'), /timing\.bake: "300h": must be from 0 to 2d/],
    [
      'a duration of many digits',
      added(9, `    timing: { settle: ${'9'.repeat(5000)}s }`),
      /timing\.settle: "9+…: a duration is at most 366d/,
    ],
    [
      'a port beyond all',
      edited(13, '        blue: { port: 99999999999999999999, target-group: g }'),
      /blue\.port: 100000000000000000000: write a whole number from 1 to 65535/,
    ],
    ['a share beyond all', added(9, '    max-parallel: 99999999%'), /max-parallel: "99999999%": not an amount/],
    ['keep beyond all', added(9, '    keep: 1e300'), /keep: 1e\+300: write a whole number from 1 to 20/],
    ['a text without end', edited(1, `app: ${'x'.repeat(100_000)}`), /^deployctl\.yml:1: app: "x+…: write 1 to 32/],
    [
      'a URL without end',
      added(10, `    gates: { probes: [{ name: home, url: "ftp://${'x'.repeat(100_000)}" }] }`),
      /url: "ftp:x*\/\/x+…: write a URL/,
    ],
  ])('%s', (_, text, message) => {
    const began = process.cpuUsage();
    const found = problems(text);
    expect(found.join('\n')).toMatch(message);
    expect(Math.max(...found.map((line) => line.length))).toBeLessThan(1000);
    expect(spent(began)).toBeLessThan(AT_ONCE);
  });

  it('tells the first problems only', () => {
    const found = problems(many(90).replaceAll('image:', 'imaeg:').replaceAll('port: 80', 'prot: 80'));
    expect(found).toHaveLength(51);
    expect(found.at(-1)).toBe('… and more; these first');
  });

  it('takes as much as anybody has', () => {
    expect(problems(many(100))).toEqual([]);
    const env = Array.from({ length: 2000 }, (_, index) => `      V${String(index)}: "${'x'.repeat(100)}"`);
    expect(problems(added(7, '    env:', ...env))).toEqual([]);
  });
});

describe('a file that is too large', () => {
  let root = '';
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'deployctl-config-'));
  });
  afterAll(async () => rm(root, { recursive: true, force: true }));

  test('is refused at once, whatever is in it', async () => {
    const file = join(root, 'deployctl.yml');
    await writeFile(file, `${SMALL}# ${'x'.repeat(10 * 1024 * 1024)}\n`);
    const began = process.cpuUsage();
    await expect(loadSettings({ cwd: root, env: {} })).rejects.toMatchObject({
      code: 'config.invalid',
      exitCode: 64,
      message: `${file}: larger than 512 KB (524288 bytes), the most that a configuration may be; is it the right file?`,
    });
    expect(spent(began)).toBeLessThan(AT_ONCE);
    await writeFile(file, `${SMALL}# ${'x'.repeat(512 * 1024 - SMALL.length - 3)}\n`);
    expect((await loadSettings({ cwd: root, env: {} })).file).toBe(file);
  });

  test('is not read to an end that it does not have', async () => {
    await expect(loadSettings({ file: '/dev/zero', cwd: root, env: {} })).rejects.toMatchObject({
      code: 'config.invalid',
    });
  });
});

describe('names that every object of JavaScript has', () => {
  const NAMES = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'] as const;

  it.each(NAMES)('%s is plain data as the name of a variable, a secret, a header or a tag', (name) => {
    const text = edited(
      7,
      '    health: { path: /health }',
      `    env: { ${name}: a }`,
      `    checks: [{ path: /, headers: { ${name}: x } }]`,
    ).replace('{ App: shop }', `{ App: shop, ${name}: x }`);
    const { services, fleet } = parse(text).environments['production'] ?? {};
    const [service] = services ?? [];
    expect(Object.entries(service?.run.env ?? {})).toEqual([[name, 'a']]);
    expect(Object.entries(service?.run.checks[0]?.headers ?? {})).toEqual([[name, 'x']]);
    expect(fleet).toMatchObject({ is: 'tags' });
    const secret = parse(edited(7, '    health: { path: /health }', `    secrets: { ${name}: /shop/x }`)).environments[
      'production'
    ]?.services[0];
    expect(Object.entries(secret?.run.secrets ?? {})).toEqual([[name, '/shop/x']]);
    // Neither is there twice because an object has one of that name.
    expect(
      problems(edited(7, '    health: { path: /health }', `    secrets: { ${name}: /shop/x }`, '    env: { A: a }')),
    ).toEqual([]);
  });

  it.each<[string, string, RegExp]>([
    [
      'a service',
      SMALL.replaceAll('backend:', 'constructor:'),
      /^deployctl\.yml:4: services\.constructor: "constructor" cannot be a name here/,
    ],
    [
      'an environment',
      SMALL.replace('production:', 'constructor:'),
      /^deployctl\.yml:9: environments\.constructor: "constructor" cannot be a name here/,
    ],
    ['a service of the environment only', edited(12, '      constructor:'), /"constructor" is not a service/],
    [
      'a variable',
      added(7, '    env: { __proto__: x }'),
      /^deployctl\.yml:8: services\.backend\.env\.__proto__: "__proto__" cannot be a key/,
    ],
    ['a secret', added(7, '    secrets: { __proto__: /x }'), /secrets\.__proto__: "__proto__" cannot be a key/],
    [
      'a header',
      added(7, '    checks: [{ path: /, headers: { __proto__: x } }]'),
      /headers\.__proto__: "__proto__" cannot be a key/,
    ],
    ['a tag', SMALL.replace('{ App: shop }', '{ __proto__: shop }'), /tags\.__proto__: "__proto__" cannot be a key/],
    [
      'a key of the file',
      `${SMALL}__proto__: { app: x }\n`,
      /^deployctl\.yml:15: __proto__: "__proto__" cannot be a key/,
    ],
    [
      'a service called so',
      SMALL.replaceAll('backend:', '__proto__:'),
      /^deployctl\.yml:4: services\.__proto__: "__proto__" cannot be a key/,
    ],
  ])('%s: refused', (_, text, message) => {
    expect(problems(text).join('\n')).toMatch(message);
    expect(({} as Record<string, unknown>)['app']).toBeUndefined();
  });
});

describe('what is typed', () => {
  const LONG = 'x'.repeat(10_000);
  it.each<[string, () => unknown, RegExp]>([
    ['a tag', () => parseImage(LONG, 'shop/backend'), /^"x+…: /],
    ['a digest', () => parseImage(`shop/backend@sha256:${LONG}`, 'shop/backend'), /^"shop.*…: /],
    ['a duration', () => parseDuration(`${'9'.repeat(10_000)}h`), /^"9+…: a duration is at most 366d$/],
    ['a duration of words', () => parseDuration(LONG), /^"x+…: not a duration/],
    ['a bake', () => parseDurationIn('3d', 0, 48 * 3_600_000), /^"3d": must be from 0 to 2d$/],
    [
      'steps',
      () => parseSteps(Array.from({ length: 5000 }, (_, index) => index + 1).join(',')),
      /^"1,2,3.*…: steps are whole/,
    ],
    ['an amount', () => parseAmount(LONG), /^"x+…: not an amount/],
  ])('%s without end is refused in few words', (_, act, message) => {
    let said = '';
    try {
      act();
    } catch (error) {
      said = error instanceof Error ? error.message : '';
    }
    expect(said).toMatch(message);
    expect(said.length).toBeLessThan(250);
  });
});
