/** Numbers in narrow columns. */

/** Bytes in binary units, at most 5 columns: `512B`, `3.2M`, `128M`. */
export function bytes(value: number | undefined): string {
  return scaled(value, 1024, ['B', 'K', 'M', 'G', 'T', 'P']);
}

/** A count, at most 5 columns: `950`, `1.2k`, `33M`. */
export function count(value: number | undefined): string {
  return scaled(value, 1000, ['', 'k', 'M', 'G', 'T', 'P']);
}

/** A time, given in microseconds, at most 6 columns: `870us`, `12ms`, `3.4s`, `12m05s`, `3h07m`. */
export function duration(micros: number | undefined): string {
  if (micros === undefined) return '-';
  if (micros < 1000) return `${Math.floor(micros)}us`;
  if (micros < 1e6) return `${tenths(micros / 1000)}ms`;
  const seconds = micros / 1e6;
  if (seconds < 60) return `${tenths(seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(Math.floor(seconds % 60))}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 100 ? `${hours}h${two(minutes % 60)}m` : `${Math.floor(hours / 24)}d`;
}

/** Times a second, at most 5 columns: `0.3`, `12`, `1.2k`. */
export function rate(value: number | undefined): string {
  return value !== undefined && value < 10 ? tenths(value) : count(value);
}

/** A whole percentage; 0 if the whole is 0. */
export function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.floor((part * 100) / whole);
}

function scaled(value: number | undefined, base: number, units: readonly string[]): string {
  if (value === undefined) return '-';
  let rest = value;
  let unit = 0;
  // Truncates instead of rounding: 1023.9 would become a four-digit number.
  while (rest >= base && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  return `${unit === 0 ? Math.floor(rest) : tenths(rest)}${units[unit]}`;
}

/** One decimal below 10, none above. */
function tenths(value: number): string {
  return value < 10 ? String(Math.floor(value * 10) / 10) : String(Math.floor(value));
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
