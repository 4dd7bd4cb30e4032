/**
 * Handles a worker that was to end at once and still exists. A host that is stopped, hangs or lies does not end it, and
 * a worker may ignore SIGTERM. Pure; times are milliseconds on the caller's monotonic clock.
 *
 * The order goes to the host. After a while the master ends the worker itself; if the worker is gone then and its host
 * has not reported it, the host is faulty. For a worker that survives even SIGKILL (a blocked system call) nobody is at
 * fault: it is waited for.
 */

import { type LivenessRule, livenessRule } from './liveness.ts';

/** Time limits of a host. */
export interface HostPatience extends LivenessRule {
  /** Time from an order to end a worker at once to the next, harder step. Ending one takes milliseconds. */
  readonly obeyMs: number;
}

export const hostPatience: HostPatience = { ...livenessRule, obeyMs: 5_000 };

/** Progress with a worker. */
export interface EndProgress {
  readonly since: number;
  /** The master has tried it itself. */
  readonly isForced: boolean;
}

export type EndStep =
  | 'wait'
  /** SIGKILL, by the master if it can, and by the host. */
  | 'force'
  /** The host is faulty. */
  | 'replaceHost';

/** @param mayLive whether the process still exists, as far as the master knows; false if unknown */
export function nextEndStep(
  { since, isForced }: EndProgress,
  mayLive: boolean,
  now: number,
  { obeyMs }: Pick<HostPatience, 'obeyMs'>,
): EndStep {
  if (now - since < obeyMs) return 'wait';
  if (!isForced) return 'force';
  return mayLive ? 'wait' : 'replaceHost';
}
