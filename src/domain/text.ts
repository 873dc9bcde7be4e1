/**
 * Text that somebody gives along with a request (a name, a reason), as it is taken: on one line, without blanks around it, at most so long. It goes into
 * records that are small, and is read in places where it cannot be checked any more.
 */
export function words(text: string, most: number): string {
  const line = text
    .slice(0, 16 * most)
    // eslint-disable-next-line no-control-regex -- control characters are what this expression is for
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim();
  const characters = [...line];
  return characters.length <= most
    ? line
    : `${characters
        .slice(0, most - 1)
        .join('')
        .trimEnd()}…`;
}

/** At most so many UTF-16 units of a text, without half of a surrogate pair at the cut. */
export function upTo(text: string, most: number): string {
  return text.slice(0, most).replace(/[\ud800-\udbff]$/, '');
}

/** At most so many UTF-16 units: what is longer ends with `…`. */
export function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${upTo(text, most - 1)}…`;
}
