/**
 * Edits between two words: insertion, deletion, replacement, and the swap of two neighbours count one each
 * (Damerau-Levenshtein, restricted: no substring is edited twice).
 */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let best = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        best = Math.min(best, at(beforeLast, column - 2) + 1);
      }
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

/** The known word that was probably meant: near enough for its length, and the nearest; undefined when none is. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const plain = normal(word);
  let found: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const distance = editDistance(plain, normal(candidate));
    const allowed = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3));
    if (distance <= allowed && distance < least) {
      found = candidate;
      least = distance;
    }
  }
  return found;
}

/** `targetGroup`, `target_group` and `target-group` are the same slip of the hand. */
function normal(word: string): string {
  return word
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
