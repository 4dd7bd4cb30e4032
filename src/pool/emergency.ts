/** `emergency_restart_threshold` and `emergency_restart_interval`: a reload when too many workers crash. */

import type { LogMessage } from './messages.ts';

export interface EmergencySettings {
  /** Crashes that are too many; 0 switches the emergency restart off. */
  readonly emergency_restart_threshold: number;
  /** Seconds within which they count; 0 switches it off. */
  readonly emergency_restart_interval: number;
}

/** Times of the latest crashes in milliseconds, oldest first, at most threshold many. */
export type CrashTimes = readonly number[];

export interface EmergencyDecision {
  readonly crashes: CrashTimes;
  /** Present when a reload is due; the crash that caused it gets no replacement of its own. */
  readonly reload?: LogMessage;
}

/**
 * Takes down a crash (SIGSEGV or SIGBUS) at `now`, on any clock in milliseconds. The interval is compared in
 * whole seconds, as in the reference. After a reload counting starts anew.
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
