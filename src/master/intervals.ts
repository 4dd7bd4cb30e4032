/** The master's periodic ticks: the heartbeat of the process managers, and the check of running requests. */

import type { Configuration } from '../config/directives.ts';
import { heartbeatMillis } from '../pool/management.ts';
import { hasQueueLimit, overloadPeriodMillis } from '../pool/overload.ts';
import { timeoutPeriod } from '../pool/timeouts.ts';

export interface IntervalHandlers {
  readonly onHeartbeat: () => void;
  readonly onRequestCheck: () => void;
  readonly onQueueCheck: () => void;
}

export class Intervals {
  readonly #handlers: IntervalHandlers;
  #heartbeat: NodeJS.Timeout | undefined;
  #requestCheck: NodeJS.Timeout | undefined;
  #queueCheck: NodeJS.Timeout | undefined;

  constructor(handlers: IntervalHandlers) {
    this.#handlers = handlers;
  }

  /** Starts them, or restarts them with the periods of another configuration. */
  start({ pools }: Configuration): void {
    this.stop();
    this.#heartbeat = setInterval(this.#handlers.onHeartbeat, heartbeatMillis);
    const period = timeoutPeriod(pools);
    if (period !== undefined) this.#requestCheck = setInterval(this.#handlers.onRequestCheck, period);
    if (pools.some((pool) => hasQueueLimit(pool)))
      this.#queueCheck = setInterval(this.#handlers.onQueueCheck, overloadPeriodMillis);
  }

  stop(): void {
    clearInterval(this.#heartbeat);
    clearInterval(this.#requestCheck);
    clearInterval(this.#queueCheck);
  }
}
