// Words of messages. Apart from the checks of schemas, which a thread that reads data has no use for: they take 10 MB and more.

/** A value short enough for a message. */
export function brief(value: unknown): unknown {
  if (typeof value === 'string') return value.length > 60 ? `${value.slice(0, 60)}…` : value;
  if (Array.isArray(value))
    return value.length > 8 || value.some((v) => typeof v === 'object') ? `an array of ${value.length}` : value;
  if (typeof value === 'object' && value !== null) return `an object {${Object.keys(value).slice(0, 8).join(', ')}}`;
  return value;
}

/** A key as a part of a JSON pointer. */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** ` (did you mean "x"?)` for a name within two edits of a known one (fewer for short ones), otherwise nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined || meant === name ? '' : ` (did you mean "${meant}"?)`;
}

/** The known name within two edits (fewer for short ones) that takes the fewest; undefined where there is none. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  // Of a name of one or two letters everything is within two edits.
  let bestDistance = Math.min(3, name.length);
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase().slice(0, 40), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
