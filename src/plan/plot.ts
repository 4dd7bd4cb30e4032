/** A curve in characters that every terminal has: a column a minute, a row a step. */

export interface Plot {
  readonly values: readonly number[];
  /** Drawn as a horizontal line; undefined: no line. */
  readonly limit: number | undefined;
  readonly width: number;
  readonly height: number;
}

/** Rows from the top, each with its scale at the left; nothing where there is nothing to draw. */
export function plotRows({ values, limit, width, height }: Plot): string[] {
  const top = Math.max(limit ?? 0, ...values);
  if (top <= 0 || values.length === 0) return [];
  const shown = values.slice(-width);
  const limitRow = limit === undefined ? undefined : rowOf(limit, top, height);
  return Array.from({ length: height }, (_, index) => {
    const row = height - 1 - index;
    const cells = shown.map((value) => {
      const filled = value > 0 && rowOf(value, top, height) >= row;
      if (filled) return '#';
      return row === limitRow ? '-' : ' ';
    });
    const scale = index === 0 || row === limitRow ? scaleText(row === limitRow ? limit! : top) : '';
    return `${scale.padStart(6)} |${cells.join('').trimEnd()}`;
  }).concat(`${'0'.padStart(6)} +${'-'.repeat(shown.length)}`);
}

/** The row that a value reaches, the lowest being 0. */
function rowOf(value: number, top: number, height: number): number {
  return Math.min(height - 1, Math.max(0, Math.ceil((value / top) * height) - 1));
}

function scaleText(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
}
