/** A slot of the pool with the worker in it, and what the pool keeps about that worker. */

import type { Exchange } from './exchange.ts';
import type { WorkerHandle } from './worker-handle.ts';
import type { WorkerName } from './worker-log.ts';
import type { WorkerUse } from './worker-quota.ts';

export class SlotWorker implements WorkerName, WorkerUse {
  readonly slot: number;
  readonly handle: WorkerHandle;
  /** Requests after which the worker is renewed, and those after which it has to be. */
  readonly quota: number;
  readonly limit: number;
  readonly isUnasked: boolean;
  /** The request that runs. */
  exchange: Exchange | undefined;
  /** Requests that were finished. */
  served = 0;
  /** The master has been told that the worker is up. */
  isUp = false;
  /** To leave after the request that runs. */
  isQuitting = false;
  /** The running request wrote something, so its last line may be unfinished. */
  hasOutput = false;

  /** @param isUnasked the master did not ask for the worker and is told nothing of it. */
  constructor(slot: number, handle: WorkerHandle, use: Omit<WorkerUse, 'served'>, isUnasked: boolean) {
    this.isUnasked = isUnasked;
    this.slot = slot;
    this.handle = handle;
    this.quota = use.quota;
    this.limit = use.limit;
  }

  get requestId(): string {
    return this.exchange?.information.requestId ?? '';
  }

  get pid(): number {
    return this.handle.pid;
  }
}
