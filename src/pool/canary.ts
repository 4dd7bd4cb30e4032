/** A new generation on trial beside the serving one: its share of connections, and the verdict. Pure. */

import type { PoolConfig } from '../config/directives.ts';
import { parseShare } from '../config/reload-proof.ts';
import { type DurationCounts, durationQuantile } from '../scoreboard/durations.ts';

/** Counts of a generation during the trial. */
export interface TrialCounts {
  /** Requests begun, and connections that wait in its host. */
  readonly taken: number;
  /** Answers. */
  readonly ended: number;
  /** Answers with status 5xx, and workers that crashed. */
  readonly errors: number;
  readonly durations: DurationCounts;
}

export interface Canary {
  /** From 0 to 1. */
  readonly share: number;
  readonly timeMs: number;
}

/** The trial that the pool wants; undefined for none. */
export function canaryOf(pool: Pick<PoolConfig, 'reload.canary' | 'reload.canary_time'>): Canary | undefined {
  const share = parseShare(pool['reload.canary']);
  return share === undefined ? undefined : { share, timeMs: pool['reload.canary_time'] * 1000 };
}

/** The generations that accept connections. */
export type Takers = 'fresh' | 'old' | 'both';

/**
 * Those that accept until the next look, so that the share is kept. The kernel gives connections to whom it likes, on
 * an idle machine to the same generation each time, so either one may have to pause.
 *
 * @param fresh connections taken by the new generation
 * @param isFree a worker of the new generation is idle: else clients would wait while the old one could serve them
 */
export function takersOf({ share }: Canary, fresh: number, old: number, isFree: boolean): Takers {
  const due = share * (fresh + old);
  if (fresh > due) return 'old';
  return fresh < due - 1 && isFree ? 'fresh' : 'both';
}

/** So many errors are no coincidence, whatever the old generation does. */
const telling = 5;
/** The p95 of fewer requests says nothing. */
const fewest = 20;
/** Shares of errors that differ by less are the same. */
const marginOfErrors = 0.01;
/**
 * A longer p95 is much worse. The estimates are wrong by up to a third, the caches of a new generation are cold, and a
 * few milliseconds are no harm.
 */
const worse = { times: 2, micros: 20_000 } as const;

/** Why the new generation must go at once; undefined while it may stay. */
export function earlyVerdict(fresh: TrialCounts, old: TrialCounts): string | undefined {
  return fresh.errors < telling ? undefined : moreErrors(fresh, old);
}

/** Why the new generation does not take over at the end of the trial; undefined where it does. */
export function finalVerdict(fresh: TrialCounts, old: TrialCounts): string | undefined {
  return moreErrors(fresh, old) ?? slower(fresh, old);
}

function moreErrors(fresh: TrialCounts, old: TrialCounts): string | undefined {
  const [now, before] = [shareOfErrors(fresh), shareOfErrors(old)];
  if (now <= 2 * before + marginOfErrors) return undefined;
  return `${fresh.errors} of its ${fresh.ended} requests failed (${percent(now)}), before it ${old.errors} of ${old.ended} (${percent(before)})`;
}

function slower(fresh: TrialCounts, old: TrialCounts): string | undefined {
  if (fresh.ended < fewest || old.ended < fewest) return undefined;
  const [now, before] = [trialP95(fresh) ?? 0, trialP95(old) ?? 0];
  if (now <= before * worse.times || now <= before + worse.micros) return undefined;
  return `the 95th percentile of its requests is ${millis(now)}, before it ${millis(before)}`;
}

/** Microseconds; undefined without requests. */
export function trialP95({ durations }: TrialCounts): number | undefined {
  return durationQuantile(durations, 0.95);
}

function shareOfErrors({ errors, ended }: TrialCounts): number {
  return errors === 0 ? 0 : errors / Math.max(errors, ended);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function millis(micros: number): string {
  return `${(micros / 1000).toFixed(micros < 10_000 ? 1 : 0)} ms`;
}
