/** Facts of the master itself that go on with the next one: its start, reloads, pools out of balance, slow requests, the last hour. */

import type { ErrorLog } from '../log/error-log.ts';
import { longestDump } from '../watch/history-dump.ts';
import type { MasterAdmin } from '../watch/master-admin.ts';
import type { ReloadJournal, SavedReloads } from '../watch/reload-journal.ts';
import type { HostSurvival } from './host-survival.ts';
import type { PoolOrders } from './pool-orders.ts';

/** A master that is killed loses at most so much of the history, ms. */
const historyMs = 60_000;
const longestFacts = 1 << 20;
const longestSlow = 8 << 20;

interface Facts {
  readonly startedAt: number;
  readonly reloads: SavedReloads;
  readonly drained: readonly string[];
}

export interface RememberedParts {
  readonly log: ErrorLog;
  readonly survival: HostSurvival | undefined;
  readonly admin: MasterAdmin;
  readonly journal: ReloadJournal;
  readonly orders: PoolOrders;
}

export class MasterMemory {
  readonly #parts: RememberedParts;
  #historyAt = 0;

  constructor(parts: RememberedParts) {
    this.#parts = parts;
  }

  /** The last master's, where hosts of it were found. Never throws: without them everything begins anew. */
  restore(): void {
    const { log, survival, admin, journal, orders } = this.#parts;
    const text = survival?.kept('facts', longestFacts);
    if (text === undefined) return;
    try {
      const facts = JSON.parse(text.toString('utf8')) as Facts;
      if (!Number.isFinite(facts.startedAt)) throw new Error('they have no start');
      admin.restore(facts.startedAt, undefined);
      journal.restore(facts.reloads);
      orders.restore(facts.drained);
      const slow = survival?.kept('slow', longestSlow);
      if (slow !== undefined) admin.restoreSlowRequests(slow.toString('utf8'));
      admin.restore(facts.startedAt, survival?.kept('history', 2 * longestDump));
    } catch (error) {
      log.warning(`facts of the last master are not known: ${(error as Error).message}`);
    }
  }

  /** After each change of them. */
  save(): void {
    const { survival, admin, journal, orders } = this.#parts;
    const facts: Facts = {
      startedAt: admin.startedAt,
      reloads: journal.save(),
      drained: orders.drained,
    };
    survival?.keep({ facts: JSON.stringify(facts) });
  }

  /** @param now monotonic ms */
  heartbeat(now: number): void {
    if (this.#parts.survival?.isActive !== true) return;
    this.#saveSlow();
    if (now - this.#historyAt < historyMs) return;
    this.#historyAt = now;
    this.saveAll();
  }

  /** A master that is killed loses those of one second at most. */
  #saveSlow(): void {
    const slow = this.#parts.admin.saveSlowRequests();
    if (slow !== undefined) this.#parts.survival?.keep({ slow });
  }

  /** The master gives way. */
  saveAll(): void {
    const { survival, admin } = this.#parts;
    this.save();
    this.#saveSlow();
    survival?.keep({ history: admin.saveHistory() });
  }
}
