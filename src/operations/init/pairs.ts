import type { Color, TargetGroupArn } from '../../domain/ids.js';
import type { SeedGroup } from './draft.js';

/** How an app or a service is called when nothing says so. */
export const unnamed = 'app';

/** A target group with its name. */
export interface NamedGroup extends SeedGroup {
  readonly name: string;
}

/** The target groups of a service, by color. */
export interface Pair {
  readonly service: string;
  readonly blue?: NamedGroup;
  readonly green?: NamedGroup;
}

/** Words that say what a thing is, not which service it belongs to. */
const filler = new Set(['tg', 'target', 'group', 'targetgroup', 'main', 'default', 'service']);
const isColor = (word: string): word is Color => word === 'blue' || word === 'green';

const wordsOf = (name: string): readonly string[] =>
  name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');

/** The color in a name: `shop-backend-green` → green. */
export function colorIn(name: string): Color | undefined {
  const colors = wordsOf(name).filter(isColor);
  return colors.length === 1 ? colors[0] : undefined;
}

/** A name without its color: two groups with the same stem are a pair. `shop-backend-green`, `shop-green-backend` → `shop-backend` */
export function stemOf(name: string): string {
  return wordsOf(name)
    .filter((word) => !isColor(word))
    .join('-');
}

/**
 * Which groups belong together, and how their service is called: what is left of the name when the color, the app and the words that all names
 * share are taken away. `used`: groups that a route forwards to; of a service's three groups (blue, green and one without a color) the used ones count.
 */
export function pairUp(groups: readonly NamedGroup[], app: string, used: ReadonlySet<TargetGroupArn>): readonly Pair[] {
  const families = new Map<string, NamedGroup[]>();
  for (const group of groups) {
    const key = group.service ?? (group.color === undefined ? stemOf(group.name) : '');
    families.set(key, [...(families.get(key) ?? []), group]);
  }
  const stems = [...families].map(([key, members]) => (key === '' ? stemOf(members[0]?.name ?? '') : key));
  const named = serviceNames(stems, app);
  return [...families.values()].map((members, index) => ({
    service: members[0]?.service ?? named[index] ?? app,
    ...colorsOf(members, used),
  }));
}

function colorsOf(members: readonly NamedGroup[], used: ReadonlySet<TargetGroupArn>): Pick<Pair, 'blue' | 'green'> {
  const of = (color: Color): NamedGroup | undefined =>
    members.find((group) => (group.color ?? colorIn(group.name)) === color);
  const single = members.find((group) => group.color === 'main' || (group.color ?? colorIn(group.name)) === undefined);
  const [blue, green] = [of('blue'), of('green')];
  const paired = [blue, green].some((group) => group !== undefined && used.has(group.arn));
  if (single !== undefined && !paired && (used.has(single.arn) || (blue ?? green) === undefined))
    return { blue: single };
  if (blue === undefined && green !== undefined) return { blue: green };
  return { ...(blue === undefined ? {} : { blue }), ...(green === undefined ? {} : { green }) };
}

function serviceNames(stems: readonly string[], app: string): readonly string[] {
  const lists = stems.map(wordsOf);
  const shared =
    lists.length < 2 ? [] : (lists[0] ?? []).filter((word) => lists.every((words) => words.includes(word)));
  const noise = new Set([...filler, ...shared, ...wordsOf(app)]);
  return lists.map((words) => {
    const name = nameFrom(words.filter((word) => !noise.has(word)).join('-'));
    return name ?? app;
  });
}

/** A name as the configuration takes it: 1 to 32 lower case letters, digits and dashes, a letter first, no dash last. */
export function nameFrom(text: string): string | undefined {
  const name = wordsOf(text)
    .join('-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  return name === '' ? undefined : name;
}

/** What others call comes first: the backend before the frontend. */
export function inRolloutOrder<T extends { readonly name: string }>(services: readonly T[]): readonly T[] {
  const rank = (name: string): number => {
    if (/front|web|ui|site|www/.test(name)) return 2;
    return /back|api|server/.test(name) ? 0 : 1;
  };
  return [...services].sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}
