/** JSON for lines of a log: one object, no line end in it, nothing that a terminal obeys. */

/** What JSON.stringify leaves as it is and a terminal or a reader of lines may act on. */
const unsafe = /[\u007f-\u009f\u2028\u2029]/g;

/** A text as part of a JSON document. */
export function jsonDocument(value: unknown): string {
  return guarded(JSON.stringify(value));
}

/** The same for a document that is there already: such characters can only be inside its strings. */
export function guarded(json: string): string {
  return json.replace(unsafe, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** ISO 8601, UTC. @param micros since 1970 */
export function isoTime(micros: number): string {
  return new Date(Math.floor(micros / 1000)).toISOString();
}
