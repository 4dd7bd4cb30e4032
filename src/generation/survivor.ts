/** A host that outlives its master: what the last master wrote down of it, and what it gives the next one. */

import type { PoolConfig } from '../config/directives.ts';
import type { ProcessHandle } from '../posix/pidfd.ts';
import type { FieldEngine } from '../scoreboard/layout.ts';
import type { EarlierFigures } from './earlier-figures.ts';

/** In a folder of the master's user only, so that it can be believed. */
export interface HostRecord {
  /** Version of the contract that the host speaks. */
  readonly contract: number;
  /** See {@link PreparedPool}. */
  readonly fingerprint: string;
  readonly config: PoolConfig;
  readonly engine: FieldEngine;
  readonly generation: number;
  /** It served on trial beside another one. */
  readonly isOnTrial?: boolean | undefined;
  /** See {@link bootId}. */
  readonly boot?: string | undefined;
  /** 0: the process was not made when this was written. */
  readonly pid: number;
  /** Of the process, which tells it from a later one with the same pid. */
  readonly startTicks: number;
  readonly slotCount: number;
  readonly launchedEpochMs: number;
  /** Its counters at its start. */
  readonly earlier?: EarlierFigures | undefined;
}

/** A host without a master that has been reached. Its owner closes its descriptors. */
export interface Survivor {
  /** Names its files in the folder. */
  readonly place: string;
  readonly record: HostRecord;
  readonly process: ProcessHandle;
  /** Our ends: control channel, descriptor channel, stdout, stderr. */
  readonly channel: number;
  readonly descriptors: number;
  readonly output: readonly [stdout: number, stderr: number];
  readonly scoreboard: number;
}
