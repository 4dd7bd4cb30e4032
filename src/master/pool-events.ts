/** Converts reports of pools to events of the master's queue. */

import type { PoolReports } from '../generation/pool-reports.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import type { EventQueue } from './event-queue.ts';
import type { MasterEvent } from './master-types.ts';

/** @param runner returns the reporting pool; it is created after the reports */
export function poolReports(queue: EventQueue<MasterEvent>, runner: () => PoolRunner): PoolReports {
  return {
    wake: () => queue.enqueue({ type: 'wake', runner: runner() }),
    hostEvent: (generation, event) => queue.enqueue({ type: 'host', runner: runner(), generation, event }),
    enqueue: (generation, doing, act) =>
      queue.enqueue({ type: 'later', runner: runner(), generation, doing, act }),
    outcome: (outcome) => queue.enqueue({ type: 'outcome', runner: runner(), outcome }),
  };
}
