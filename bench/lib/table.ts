/** The result for people: a table of text, one line a figure. */
import { type Figure, verdict } from './figure.ts';
import type { Sample } from './statistics.ts';

const headings = ['', 'Hathi', '±', 'php-fpm', '±', 'ratio', '95 %', 'target', ''] as const;

/** Renders figures below one title, with their notes. */
export function renderTable(title: string, figures: readonly Figure[]): string {
  const rows = [headings, ...figures.map(cells)];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) =>
    `  ${row.map((cell, column) => pad(cell, widths, column)).join('  ')}`.trimEnd(),
  );
  const notes = figures.flatMap(({ label, note }) => (note === undefined ? [] : [`  (${label}: ${note})`]));
  return [title, ...lines, ...notes, ''].join('\n');
}

/** The label is text, all else is numbers. */
function pad(cell: string, widths: readonly number[], column: number): string {
  const width = widths[column] ?? 0;
  return column === 0 || column === widths.length - 1 ? cell.padEnd(width) : cell.padStart(width);
}

function cells(figure: Figure): string[] {
  const { label, unit, hathi, phpFpm, ratio, interval, target } = figure;
  return [
    label,
    `${round(hathi.median)} ${unit}`,
    spread(hathi),
    phpFpm === undefined ? '' : `${round(phpFpm.median)} ${unit}`,
    phpFpm === undefined ? '' : spread(phpFpm),
    ratio === undefined ? '' : `${round(ratio.median)}x`,
    interval === undefined ? '' : interval.map(round).join(' to '),
    target === undefined ? '' : `${target.limit} ${target.value}${target.of === 'ratio' ? 'x' : ` ${unit}`}`,
    judgement(figure),
  ];
}

function judgement(figure: Figure): string {
  if (figure.target === undefined) return '';
  const found = verdict(figure);
  if (found === undefined) return 'not comparable';
  return found === 'reached' ? 'reached' : 'MISSED';
}

function spread(sample: Sample): string {
  return sample.rounds < 2 ? '' : `${Math.round(sample.spread)}%`;
}

/** Three significant digits are more than a shared machine repeats. */
function round(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return value.toFixed(0);
  if (magnitude >= 10) return value.toFixed(1);
  return value.toFixed(magnitude >= 1 ? 2 : 3);
}
