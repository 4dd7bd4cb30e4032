/** The request that was lost with a crashed or killed worker. */

import { constants } from 'node:os';
import type { WorkerEnd } from '../engine/contract.ts';
import type { SlotSnapshot } from '../scoreboard/decode.ts';
import { workerStages } from '../scoreboard/states.ts';
import type { LogMessage } from './messages.ts';
import { requestIdOf, requestOfChild } from './request-text.ts';

/** Ordered ends: the order was logged, and a time-out names its request. */
const ordered: readonly number[] = [constants.signals.SIGTERM, constants.signals.SIGQUIT];

export interface LostWorker {
  readonly pool: string;
  readonly pid: number;
  readonly end: WorkerEnd;
  /** The slot at the worker's end. */
  readonly slot: SlotSnapshot;
  /** Whether the message includes the query string. */
  readonly withQuery: boolean;
}

/** @returns undefined when it had no request, or its end was ordered */
export function lostRequest({ pool, pid, end, slot, withQuery }: LostWorker): LogMessage | undefined {
  if (end.type !== 'signal' || ordered.includes(end.signal)) return undefined;
  if (slot.stage !== 'unknown' && workerStages[slot.stage].code < workerStages.running.code) return undefined;
  const text = `${requestOfChild(pool, pid, slot, withQuery)} was lost with it`;
  return { level: 'notice', text, requestId: requestIdOf(slot) };
}
