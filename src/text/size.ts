/** Sizes of memory in words. */

/** In binary units with at most three digits: `512 B`, `3.2 KB`, `128 MB`, `1.5 GB`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let rest = bytes;
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && rest < 10 ? rest.toFixed(1) : String(Math.round(rest));
  return `${digits} ${units[unit]}`;
}
