const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char);
}

/**
 * Renders `value` as the content of an element. Objects become child elements, arrays one `<itemName>` a member, a Map
 * `<entry><key/><value/></entry>` pairs, a Date ISO 8601; undefined members are left out.
 *
 * An empty array still gets its (empty) element: an SDK reads a missing one as undefined, not as an empty list.
 * @param itemName `member` in the Query protocol, `item` in the EC2 protocol
 */
export function toXml(value: unknown, itemName: string): string {
  if (value === undefined || value === null) {
    return '';
  }
  if (value instanceof Date) {
    return value.toISOString();
  }
  if (Array.isArray(value)) {
    return value.map((item: unknown) => element(itemName, item, itemName)).join('');
  }
  if (value instanceof Map) {
    return [...value]
      .map(
        ([key, item]: [unknown, unknown]) =>
          `<entry>${element('key', key, itemName)}${element('value', item, itemName)}</entry>`,
      )
      .join('');
  }
  if (typeof value === 'object') {
    return Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([name, item]) => element(name, item, itemName))
      .join('');
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return escapeXml(String(value));
  }
  throw new TypeError(`an XML answer holds a ${typeof value}; it may hold objects, lists, text, numbers and dates`);
}

function element(name: string, value: unknown, itemName: string): string {
  const content = toXml(value, itemName);
  return content === '' ? `<${name}/>` : `<${name}>${content}</${name}>`;
}
