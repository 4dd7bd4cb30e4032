/** A slot of the pool with its worker, and the pool's data about that worker. */

import type { Exchange } from './exchange.ts';
import type { WorkerHandle } from './worker-handle.ts';
import type { WorkerName } from './worker-log.ts';
import type { WorkerUse } from './worker-quota.ts';

export class SlotWorker implements WorkerName, WorkerUse {
  readonly slot: number;
  readonly handle: WorkerHandle;
  /** Number of requests after which the worker should be renewed, and after which it must be. */
  readonly quota: number;
  readonly limit: number;
  readonly isUnasked: boolean;
  /** The running request. */
  exchange: Exchange | undefined;
  /** Number of finished requests. */
  served = 0;
  /** Worker mode: its application has been asked to boot, and boots now. */
  hasApplication = false;
  isBooting = false;
  /** Requests since the boot. */
  servedSinceBoot = 0;
  /** The client has its response; the application is still busy. */
  isAnswered = false;
  /** The master knows that the worker is up. */
  isUp = false;
  /** Leaves after the running request. */
  isQuitting = false;
  /** Size of its instance in the scoreboard, bytes. */
  shownBytes = 0;
  /** The running request wrote output, so its last line may be unfinished. */
  hasOutput = false;

  /** @param isUnasked the master did not ask for the worker and is not told about it. */
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
