/** Numbers and times as the status page writes them. */

import type { FieldKind, FieldValue } from './fields.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Local time as `%d/%b/%Y:%H:%M:%S %z`; months are English in every locale. */
export function localTime(epochSeconds: number): string {
  const date = new Date(epochSeconds * 1000);
  if (Number.isNaN(date.getTime())) return '-';
  const two = (value: number): string => String(value).padStart(2, '0');
  const east = -date.getTimezoneOffset();
  const zone = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
  const day = `${two(date.getDate())}/${months[date.getMonth()]}/${date.getFullYear()}`;
  return `${day}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`;
}

/**
 * A number, percentage or epoch time in decimal. Whole numbers have no exponent.
 *
 * @throws Error for a string, which needs an escape instead.
 */
export function numberText(kind: FieldKind, value: FieldValue): string {
  if (typeof value !== 'number') throw new Error(`cannot print ${JSON.stringify(value)} as a ${kind}`);
  const finite = Number.isFinite(value) ? value : 0;
  return kind === 'percent' ? finite.toFixed(2) : BigInt(Math.trunc(finite)).toString();
}
