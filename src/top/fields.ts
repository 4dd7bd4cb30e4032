/** Parts of an answer of unknown form. */

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object; empty for other values. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A displayable number; figures of a pool are never negative. */
export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
