/** The latest entries of all slow logs together, for the admin endpoint. */

import type { SlowRequest } from '../admin/slow-request.ts';

/** Entries that are kept: at most about 10 MB, usually 100 KB. */
const kept = 100;

export class SlowRequests {
  #latest: SlowRequest[] = [];

  add(request: SlowRequest): void {
    this.#latest = [request, ...this.#latest].slice(0, kept);
  }

  /** The latest one first. */
  list(): readonly SlowRequest[] {
    return this.#latest;
  }
}
