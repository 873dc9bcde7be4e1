import { describe, expect, it } from 'vitest';
import type { TargetGroupArn } from '../../../src/domain/ids.js';
import type { NamedGroup } from '../../../src/operations/init/pairs.js';
import { colorIn, inRolloutOrder, nameFrom, pairUp, stemOf } from '../../../src/operations/init/pairs.js';

const arn = (name: string): TargetGroupArn =>
  `arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/${name}/0a`;
const named = (name: string, more: Partial<NamedGroup> = {}): NamedGroup => ({ arn: arn(name), name, ...more });
const used = (...names: readonly string[]): ReadonlySet<TargetGroupArn> => new Set(names.map(arn));
const shown = (groups: readonly NamedGroup[], app: string, inUse: ReadonlySet<TargetGroupArn>) =>
  pairUp(groups, app, inUse).map(({ service, blue, green }) => [service, blue?.name, green?.name]);

describe('names', () => {
  it.each([
    ['shop-backend-green', 'green', 'shop-backend'],
    ['shop-green-backend', 'green', 'shop-backend'],
    ['Blue_API', 'blue', 'api'],
    ['shop-backend', undefined, 'shop-backend'],
    ['blue-green-demo', undefined, 'demo'],
    ['bluebird', undefined, 'bluebird'],
  ])('%s: color %s, stem %s', (name, color, stem) => {
    expect(colorIn(name)).toBe(color);
    expect(stemOf(name)).toBe(stem);
  });
  it.each([
    ['Shop Frontend', 'shop-frontend'],
    ['2048-game', 'game'],
    [`${'a'.repeat(31)}-b`, 'a'.repeat(31)],
    ['--', undefined],
  ])('a name from %s: %s', (text, name) => expect(nameFrom(text)).toBe(name));
  it('backends come first, frontends last', () => {
    const names = ['web', 'worker', 'api', 'frontend', 'backend'].map((name) => ({ name }));
    expect(inRolloutOrder(names).map(({ name }) => name)).toEqual(['api', 'backend', 'worker', 'frontend', 'web']);
  });
});

describe('pairUp', () => {
  it('pairs groups whose names differ in the color, and takes the words that all share from the services', () => {
    const groups = ['shop-backend-blue', 'shop-frontend-blue', 'shop-frontend-green', 'shop-backend-green'].map(
      (name) => named(name),
    );
    expect(shown(groups, 'shop', used('shop-backend-blue'))).toEqual([
      ['backend', 'shop-backend-blue', 'shop-backend-green'],
      ['frontend', 'shop-frontend-blue', 'shop-frontend-green'],
    ]);
  });
  it('one pair of nothing but the app is called like the app', () => {
    expect(shown([named('shop-tg-blue'), named('shop-tg-green')], 'shop', used('shop-tg-blue'))).toEqual([
      ['shop', 'shop-tg-blue', 'shop-tg-green'],
    ]);
  });
  it('colors that were given pair groups of any names', () => {
    const groups = [named('tf-2024', { color: 'green' }), named('tf-2023', { color: 'blue' })];
    expect(shown(groups, 'shop', used('tf-2023'))[0]?.slice(1)).toEqual(['tf-2023', 'tf-2024']);
  });
  it('a group without a color is a service without a green one', () => {
    expect(shown([named('shop-worker')], 'shop', used('shop-worker'))).toEqual([['worker', 'shop-worker', undefined]]);
  });
  it('of blue, green and main, those count that have the traffic', () => {
    const groups = [named('a', { color: 'main' }), named('b', { color: 'blue' }), named('c', { color: 'green' })];
    expect(shown(groups, 'x', used('a'))[0]?.slice(1)).toEqual(['a', undefined]);
    expect(shown(groups, 'x', used('c'))[0]?.slice(1)).toEqual(['b', 'c']);
  });
});
