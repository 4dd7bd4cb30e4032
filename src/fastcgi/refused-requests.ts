import { errorCode, FastCgiError } from './errors.ts';
import { type RecordHeader, recordType } from './records.ts';

/** A web server multiplexes or it does not; one that goes on after so many refusals will not stop. */
const mostRefused = 16;

/** Ids that were answered with CANT_MPX_CONN or UNKNOWN_ROLE and whose further records are to be skipped. */
export class RefusedRequests {
  readonly #ids = new Set<number>();

  /** @returns the error of a peer that has exceeded what a connection is forgiven, or undefined. */
  add(id: number): FastCgiError | undefined {
    this.#ids.add(id);
    if (this.#ids.size <= mostRefused) return undefined;
    const text = `Cannot go on: more than ${mostRefused} requests of this connection were refused and not ended`;
    return new FastCgiError(errorCode.tooManyRefused, text);
  }

  /** The id is used for a request that is not refused. */
  forget(id: number): void {
    this.#ids.delete(id);
  }

  /** @returns true when the record belongs to a refused request, which its end of STDIN ends. */
  skips(header: RecordHeader): boolean {
    if (!this.#ids.has(header.id)) return false;
    if (header.type === recordType.stdin && header.contentLength === 0) this.#ids.delete(header.id);
    return true;
  }
}
