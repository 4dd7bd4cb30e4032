/** Expands alternatives in a glob() pattern, `{a,b}`, as glibc does. Pure. */

/**
 * The patterns of a pattern with braces, in order; the pattern itself when it has none or one is unclosed.
 *
 * @param escapes whether a backslash makes the next character literal
 */
export function* expandBraces(pattern: string, escapes: boolean): Generator<string> {
  const open = findOpening(pattern, escapes);
  const ends = open < 0 ? undefined : alternatives(pattern, open + 1, escapes);
  if (ends === undefined) {
    yield pattern;
    return;
  }
  const [before, behind] = [pattern.slice(0, open), pattern.slice((ends.at(-1) ?? 0) + 1)];
  let start = open + 1;
  for (const end of ends) {
    yield* expandBraces(`${before}${pattern.slice(start, end)}${behind}`, escapes);
    start = end + 1;
  }
}

function findOpening(pattern: string, escapes: boolean): number {
  for (let at = 0; at < pattern.length; at += 1) {
    if (escapes && pattern[at] === '\\') at += 1;
    else if (pattern[at] === '{') return at;
  }
  return -1;
}

/** Positions where the alternatives end: the commas of this brace and its end. Undefined for an unclosed brace. */
function alternatives(pattern: string, start: number, escapes: boolean): number[] | undefined {
  const ends: number[] = [];
  let depth = 0;
  for (let at = start; at < pattern.length; at += 1) {
    const character = pattern[at];
    if (escapes && character === '\\') at += 1;
    else if (character === '{') depth += 1;
    else if (character === ',' && depth === 0) ends.push(at);
    else if (character === '}') {
      if (depth === 0) return [...ends, at];
      depth -= 1;
    }
  }
  return undefined;
}
