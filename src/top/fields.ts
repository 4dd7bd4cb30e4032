/** Parts of an answer whose form nobody vouches for. */

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object, none of anything else. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number that can be shown; nothing in a pool is below 0. */
export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
