/** Layout of text in terminal columns; src/text/terminal.ts has made it safe before. */

/** Characters of two columns: East Asian wide forms and emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const mark = /\p{M}/u;

/** Width of a text without controls, in columns. */
export function columns(text: string): number {
  let sum = 0;
  for (const character of text) sum += width(character);
  return sum;
}

function width(character: string): number {
  if (mark.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

/** Cuts the end to fit `limit` columns; `~` marks the cut. */
export function cut(text: string, limit: number): string {
  if (columns(text) <= limit) return text;
  if (limit <= 0) return '';
  return `${head(text, limit - 1)}~`;
}

/** Cuts the start: the end of a path is more telling. */
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

/** Breaks a text into rows of at most `size` columns, at any character. */
export function wrap(text: string, size: number): string[] {
  const rows: string[] = [];
  let rest = text;
  while (columns(rest) > size) {
    // A wide character in a single column is taken anyway, or the loop would never end.
    const row = head(rest, size) || [...rest].slice(0, 1).join('');
    rows.push(cut(row, size));
    rest = rest.slice(row.length);
  }
  return [...rows, rest];
}

/** Cuts or pads with blanks to exactly `size` columns. */
export function left(text: string, size: number): string {
  const shown = cut(text, size);
  return shown + ' '.repeat(Math.max(0, size - columns(shown)));
}

/** The same with padding on the left: for numbers. */
export function right(text: string, size: number): string {
  const shown = cut(text, size);
  return ' '.repeat(Math.max(0, size - columns(shown))) + shown;
}
