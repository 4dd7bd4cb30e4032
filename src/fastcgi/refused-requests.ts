import { errorCode, FastCgiError } from './errors.ts';
import { type RecordHeader, recordType } from './records.ts';

/** A peer that still multiplexes after so many refusals will not stop. */
const mostRefused = 16;

/** Ids answered with CANT_MPX_CONN or UNKNOWN_ROLE, whose further records are skipped. */
export class RefusedRequests {
  readonly #ids = new Set<number>();

  /** @returns the error of a peer over its limit, or undefined. */
  add(id: number): FastCgiError | undefined {
    this.#ids.add(id);
    if (this.#ids.size <= mostRefused) return undefined;
    const text = `Cannot go on: more than ${mostRefused} requests of this connection were refused and not ended`;
    return new FastCgiError(errorCode.tooManyRefused, text);
  }

  /** An accepted request now uses the id. */
  forget(id: number): void {
    this.#ids.delete(id);
  }

  /** @returns true for a record of a refused request; the end of its STDIN ends that request. */
  skips(header: RecordHeader): boolean {
    if (!this.#ids.has(header.id)) return false;
    if (header.type === recordType.stdin && header.contentLength === 0) this.#ids.delete(header.id);
    return true;
  }
}
