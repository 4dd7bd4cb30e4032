/** `memory.budget`. */

/** A share of the limit, or a size. */
export type Budget = { readonly share: number } | { readonly bytes: number };

/** `80%`, `4G`, bytes. @returns undefined for anything else */
export function parseBudget(text: string): Budget | undefined {
  const percent = /^(\d{1,3})%$/.exec(text)?.[1];
  if (percent !== undefined) {
    const share = Number(percent) / 100;
    return share > 0 && share <= 1 ? { share } : undefined;
  }
  const [, digits, unit = ''] = /^(\d{1,12})([kmg]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
  return bytes > 0 && Number.isSafeInteger(bytes) ? { bytes } : undefined;
}

/** Reason for refusing a value; undefined for a valid one. */
export function checkBudget(text: string): string | undefined {
  return parseBudget(text) === undefined
    ? 'memory.budget must be a percentage or a size, such as 80% or 4G'
    : undefined;
}
