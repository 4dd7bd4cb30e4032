/**
 * What becomes of a worker that was to end at once and is still there. A host that was stopped, hangs or lies does not
 * end it, and a worker may ignore SIGTERM. Pure; times are milliseconds on the caller's monotonic clock.
 *
 * The order is given to the host. After a while the master ends the worker itself; and when the worker is gone then and
 * its host has not said so, the host is out of order. One that even SIGKILL does not end (a system call that hangs) is
 * nobody's fault: it is waited for.
 */

import { type LivenessRule, livenessRule } from './liveness.ts';

/** How long a host may take. */
export interface HostPatience extends LivenessRule {
  /** From an order to end a worker at once to the next, harder step. Ending one takes milliseconds. */
  readonly obeyMs: number;
}

export const hostPatience: HostPatience = { ...livenessRule, obeyMs: 5_000 };

/** How far it has come with a worker. */
export interface EndProgress {
  readonly since: number;
  /** The master has tried it itself. */
  readonly isForced: boolean;
}

export type EndStep =
  | 'wait'
  /** SIGKILL, by the master where it can, and by the host. */
  | 'force'
  /** The host is out of order. */
  | 'replaceHost';

/** @param mayLive whether the process is still there, as far as the master can tell; false where it cannot */
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
