/** Times in machine-readable lines. */

/** ISO 8601, UTC. @param micros since 1970 */
export function isoTime(micros: number): string {
  return new Date(Math.floor(micros / 1000)).toISOString();
}
