/*
 * Discord's limits on embeds, and how a message is made to fit (Discord API docs, Message resource, "Embed Limits"): title 256, description 4096,
 * 25 fields, field name 256 and value 1024, footer 2048, and 6000 over all embeds of a message. Names and values must not be empty. Lengths here are UTF-16
 * units, which are never fewer than what Discord counts.
 */

export interface Field {
  readonly name: string;
  readonly value: string;
  readonly inline?: boolean;
}

/** What we use of a message's embed. `color` is 0xRRGGBB, `timestamp` ISO 8601. */
export interface Embed {
  readonly title: string;
  readonly description?: string;
  readonly color: number;
  readonly fields: readonly Field[];
  readonly footer?: { readonly text: string };
  readonly timestamp?: string;
}

const LIMITS = {
  title: 256,
  description: 4096,
  fields: 25,
  name: 256,
  value: 1024,
  footer: 2048,
  total: 6000,
} as const;
const FENCE = '```';
/** A part is not shortened below this for the sake of the total: 25 fields of this and a name still fit. */
const SHORTEST = 100;

/** The embed within all limits: parts cut, empty fields dropped, then the longest part shortened until the total fits. */
export function fit(embed: Embed): Embed {
  const title = cut(embed.title, LIMITS.title) || '-';
  const footer = cut(embed.footer?.text ?? '', LIMITS.footer);
  let description = cut(embed.description ?? '', LIMITS.description);
  let fields = embed.fields
    .map((field) => ({ ...field, name: cut(field.name, LIMITS.name) || '-', value: cut(field.value, LIMITS.value) }))
    .filter((field) => field.value !== '')
    .slice(0, LIMITS.fields);
  const total = (): number =>
    title.length +
    description.length +
    footer.length +
    fields.reduce((sum, field) => sum + field.name.length + field.value.length, 0);

  for (let over = total() - LIMITS.total; over > 0; over = total() - LIMITS.total) {
    const longest = Math.max(description.length, ...fields.map((field) => field.value.length));
    if (longest <= SHORTEST) {
      // Only names are left to blame: the last field goes.
      fields = fields.slice(0, -1);
      continue;
    }
    const to = Math.max(SHORTEST, longest - over);
    if (description.length === longest) description = cut(description, to);
    else {
      const index = fields.findIndex((field) => field.value.length === longest);
      fields = fields.map((field, at) => (at === index ? { ...field, value: cut(field.value, to) } : field));
    }
  }
  return {
    title,
    color: embed.color,
    fields,
    ...(description === '' ? {} : { description }),
    ...(footer === '' ? {} : { footer: { text: footer } }),
    ...(embed.timestamp === undefined ? {} : { timestamp: embed.timestamp }),
  };
}

/** A log as a code block of at most `limit`: the end of a log tells most, so the beginning is cut. Empty for an empty log. */
export function codeBlock(lines: readonly string[], limit: number = LIMITS.value): string {
  const text = lines.join('\n').replaceAll('`', "'").trim();
  if (text === '') return '';
  const room = limit - 2 * (FENCE.length + 1);
  const end = text.length <= room ? text : `…${wholeCharacters(text.slice(text.length - room + 1))}`;
  return `${FENCE}\n${end}\n${FENCE}`;
}

/** At most `limit` long. A code block stays one. */
function cut(text: string, limit: number): string {
  const trimmed = text.trim();
  if (trimmed.length <= limit) return trimmed;
  if (trimmed.startsWith(FENCE) && trimmed.endsWith(FENCE) && trimmed.length > 2 * FENCE.length) {
    return codeBlock(trimmed.slice(FENCE.length, -FENCE.length).split('\n'), limit);
  }
  return `${wholeCharacters(trimmed.slice(0, limit - 1)).trimEnd()}…`;
}

/** Without the halves of surrogate pairs that a cut has left at the ends. */
function wholeCharacters(text: string): string {
  return text.replace(/^[\udc00-\udfff]/, '').replace(/[\ud800-\udbff]$/, '');
}

/** Text that Discord's Markdown leaves alone: no emphasis, links, headings or mentions out of a commit message. */
export function plain(text: string): string {
  return text.replace(/[\\*_~`|<>[\]#]|@(?=everyone|here)/g, '\\$&');
}
