/**
 * A change of the master's resources, in two steps. Planning opens everything new beside the current state without
 * touching that; then the plan is committed, or discarded, after which everything is as before. A start and a reload
 * are this one path, and `-t` runs its checks (`dry-plan.ts`).
 */

import type { Configuration } from '../config/directives.ts';
import type { PreparedPool } from '../generation/prepared-pool.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';

export class Plan {
  readonly configuration: Configuration;
  readonly #log: ErrorLog;
  readonly #parts: PlannedPart[] = [];
  #pools: readonly PreparedPool[] = [];

  constructor(configuration: Configuration, log: ErrorLog) {
    this.configuration = configuration;
    this.#log = log;
  }

  /** The pools with everything opened for them. */
  get pools(): readonly PreparedPool[] {
    return this.#pools;
  }

  set pools(pools: readonly PreparedPool[]) {
    this.#pools = pools;
  }

  /** Parts are committed in the order of their addition. */
  add<Part extends PlannedPart>(part: Part): Part {
    this.#parts.push(part);
    return part;
  }

  /** Applies everything. Never throws. @returns failures, in the log's words */
  commit(): readonly string[] {
    const failures: string[] = [];
    for (const part of this.#parts) {
      this.#step('cannot apply everything', () => part.commit((reason) => failures.push(reason)), failures);
    }
    return failures;
  }

  /** Gives back everything that was opened, latest first. Never throws. */
  discard(): void {
    for (const part of this.#parts.toReversed()) {
      this.#step('cannot give back what a refused configuration opened', () => part.discard());
    }
  }

  /** A failed step does not prevent others. */
  #step(what: string, action: () => void, failures?: string[]): void {
    try {
      action();
    } catch (error) {
      this.#log.sysError(what, error);
      failures?.push(`${what}: ${(error as Error).message}`);
    }
  }
}
