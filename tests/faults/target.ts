/**
 * A master that serves a configuration, as faults and their checks see it: processes, and answers of its admin endpoint.
 * Nothing here belongs to a test, so that the same faults can be injected into a configuration of somebody's own.
 */
import type { PoolAnswer } from '../../src/figures/answers.ts';
import type { ProcessId } from '../harness/processes.ts';

export interface Target {
  /** Its living processes without the master: those below it, and those that a master before it has left. */
  processes(): readonly ProcessId[];
  /** What it tells of a pool. */
  pool(name: string): Promise<PoolAnswer>;
}
