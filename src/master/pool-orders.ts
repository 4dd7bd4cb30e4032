/** An operator's orders about single pools and workers, from the admin endpoint. */

import type { AdminOrder } from '../figures/orders.ts';
import { contain } from '../generation/bulkhead.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { PoolSet } from './pool-set.ts';

export type PoolOrder = Exclude<AdminOrder, { type: 'admin' | 'upgrade' }>;

export class PoolOrders {
  readonly #log: ErrorLog;
  readonly #pools: Pick<PoolSet, 'all' | 'findWorker'>;
  /** Names of drained pools. */
  readonly #drained = new Set<string>();

  constructor(log: ErrorLog, pools: Pick<PoolSet, 'all' | 'findWorker'>) {
    this.#log = log;
    this.#pools = pools;
  }

  isDrained(pool: string): boolean {
    return this.#drained.has(pool);
  }

  /** Names, for the next master. */
  get drained(): readonly string[] {
    return [...this.#drained];
  }

  /** The last master's orders hold. */
  restore(drained: readonly string[]): void {
    for (const pool of drained) this.#drained.add(pool);
  }

  handle(order: PoolOrder): void {
    switch (order.type) {
      case 'drain':
        return this.#drain(order);
      case 'endWorker':
        return this.#endWorker(order);
      default:
        throw new Error(`no handler for the order ${JSON.stringify(order satisfies never)}`);
    }
  }

  #drain({ pool, isDrained, peer }: Extract<PoolOrder, { type: 'drain' }>): void {
    this.#log.notice(
      `admin endpoint: pool ${pool} ${isDrained ? 'is drained' : 'takes part again'}, asked for by ${peer}`,
    );
    if (isDrained) this.#drained.add(pool);
    else this.#drained.delete(pool);
  }

  #endWorker({ order: { pool, pid, how }, peer }: Extract<PoolOrder, { type: 'endWorker' }>): void {
    this.#log.notice(`admin endpoint: end (${how}) of child ${pid} of pool ${pool} asked for by ${peer}`);
    const runner = this.#pools.all.find(({ name }) => name === pool);
    if (runner === undefined) return;
    contain(runner, 'ending a child', () => {
      const found = this.#pools.findWorker(pool, pid);
      found?.generation.endWorker(found.slot, how);
    });
  }
}
