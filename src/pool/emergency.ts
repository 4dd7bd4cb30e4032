/** `emergency_restart_threshold` and `emergency_restart_interval`: a reload after too many crashes. */

import type { LogMessage } from './messages.ts';

export interface EmergencySettings {
  /** Number of crashes that causes a reload; 0 disables the emergency restart. */
  readonly emergency_restart_threshold: number;
  /** Interval in seconds; 0 disables it. */
  readonly emergency_restart_interval: number;
}

/** Times of the latest crashes in milliseconds, oldest first, at most threshold many. */
export type CrashTimes = readonly number[];

export interface EmergencyDecision {
  readonly crashes: CrashTimes;
  /** Set when a reload is due; the crash that caused it gets no replacement of its own. */
  readonly reload?: LogMessage;
}

/**
 * Records a crash (SIGSEGV or SIGBUS) at `now`, on any clock in milliseconds. As in php-fpm the interval is compared in
 * whole seconds. After a reload counting starts again.
 */
export function noteCrash(settings: EmergencySettings, crashes: CrashTimes, now: number): EmergencyDecision {
  const { emergency_restart_threshold: threshold, emergency_restart_interval: interval } = settings;
  if (threshold <= 0 || interval <= 0) return { crashes: [] };
  const latest = [...crashes, now].slice(-threshold);
  const isOld = (crash: number): boolean => Math.floor(now / 1000) - Math.floor(crash / 1000) > interval;
  if (latest.length < threshold || latest.some(isOld)) return { crashes: latest };
  const text = `failed processes threshold (${threshold} in ${interval} sec) is reached, initiating reload`;
  return { crashes: [], reload: { level: 'warning', text } };
}
