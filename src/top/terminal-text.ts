/** Texts laid out in columns of a terminal: what src/text/terminal.ts made safe before. */

/** Characters that take two columns: East Asian wide forms and emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const mark = /\p{M}/u;

/** Columns that a text without controls takes. */
export function columns(text: string): number {
  let sum = 0;
  for (const character of text) sum += width(character);
  return sum;
}

function width(character: string): number {
  if (mark.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

/** Cut at its end to at most `limit` columns, with `~` in place of what is missing. */
export function cut(text: string, limit: number): string {
  if (columns(text) <= limit) return text;
  if (limit <= 0) return '';
  return `${head(text, limit - 1)}~`;
}

/** Cut at its start: of a path the end tells more. */
export function cutStart(text: string, limit: number): string {
  if (columns(text) <= limit) return text;
  if (limit <= 0) return '';
  const reversed = [...text].reverse();
  let sum = 1;
  let count = 0;
  for (const character of reversed) {
    sum += width(character);
    if (sum > limit) break;
    count += 1;
  }
  return `~${reversed.slice(0, count).reverse().join('')}`;
}

function head(text: string, limit: number): string {
  let sum = 0;
  let kept = '';
  for (const character of text) {
    sum += width(character);
    if (sum > limit) break;
    kept += character;
  }
  return kept;
}

/** Rows of at most `size` columns, broken anywhere. */
export function wrap(text: string, size: number): string[] {
  const rows: string[] = [];
  let rest = text;
  while (columns(rest) > size) {
    // A wide character does not fit into one column: it is broken all the same, or there would be no end.
    const row = head(rest, size) || [...rest].slice(0, 1).join('');
    rows.push(cut(row, size));
    rest = rest.slice(row.length);
  }
  return [...rows, rest];
}

/** Cut or filled with blanks to exactly `size` columns. */
export function left(text: string, size: number): string {
  const shown = cut(text, size);
  return shown + ' '.repeat(Math.max(0, size - columns(shown)));
}

/** The same with the blanks in front: for numbers. */
export function right(text: string, size: number): string {
  const shown = cut(text, size);
  return ' '.repeat(Math.max(0, size - columns(shown))) + shown;
}
