import { Dice } from './dice.js';

/** `npm run test:deep` plays everything; `npm test` a part that is the same every time. */
export const isDeep = process.env['DEPLOYCTL_TEST_DEEP'] === '1';

/** At most so many of the items, spread over all of them; all of them in a deep run (or the share of them that is asked for). */
export function some<T>(items: readonly T[], most: number, seed = 1): readonly T[] {
  const share = Number(process.env['DEPLOYCTL_TEST_SHARE'] ?? '1');
  const count = isDeep ? Math.ceil(items.length * share) : Math.min(most, items.length);
  if (count >= items.length) return items;
  const dice = new Dice(seed);
  const step = items.length / count;
  return Array.from({ length: count }, (_, index) => items[Math.floor((index + dice.next()) * step)]).filter(
    (item) => item !== undefined,
  );
}
