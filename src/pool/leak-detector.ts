/**
 * Finds scripts that leak memory: a worker is measured before and after some requests, and the difference is attributed
 * to the last script. Pure.
 *
 * Of the requests between two measurements only the last one's script is known. The average growth of the others is
 * subtracted, so that a script is not blamed for its neighbours; measurements with many requests between them are
 * skipped, because they say little.
 */

import type { RequestTexts } from '../text/request-texts.ts';

/** A worker between two measurements, both without a request. */
export interface GrowthLook {
  /** Script of the last request. */
  readonly script: RequestTexts['script'];
  /** Requests between the measurements, at least 1. */
  readonly requests: number;
  readonly grownBytes: number;
}

interface Account {
  readonly looks: number;
  readonly grownBytes: number;
  /** Requests of any scripts before its own. */
  readonly others: number;
  /** Sum of its own growth by the average at the time; only for the spread. */
  readonly sum: number;
  readonly squares: number;
}

export interface LeakMemory {
  readonly scripts: ReadonlyMap<RequestTexts['script'], Account>;
  readonly requests: number;
  readonly grownBytes: number;
}

export interface Leak {
  readonly script: RequestTexts['script'];
  readonly bytesPerRequest: number;
  /** Number of its measurements. */
  readonly looks: number;
}

const noAccount: Account = { looks: 0, grownBytes: 0, others: 0, sum: 0, squares: 0 };

export const noLeaks: LeakMemory = { scripts: new Map(), requests: 0, grownBytes: 0 };

const mostRequests = 64;
/** Number of tracked scripts; the one with fewest measurements gives way to another. */
const mostScripts = 200;
const leastLooks = 20;
/** A smaller leak counts as zero. */
const leastBytes = 1024;
/** Required number of standard errors above zero. */
const certainty = 3;

export function noteLook(memory: LeakMemory, look: GrowthLook): LeakMemory {
  if (look.requests < 1 || look.requests > mostRequests) return memory;
  const own = look.grownBytes - (look.requests - 1) * averageOf(memory);
  const scripts = new Map(memory.scripts);
  const before = scripts.get(look.script) ?? noAccount;
  scripts.set(look.script, {
    looks: before.looks + 1,
    grownBytes: before.grownBytes + look.grownBytes,
    others: before.others + look.requests - 1,
    sum: before.sum + own,
    squares: before.squares + own * own,
  });
  if (scripts.size > mostScripts) scripts.delete(leastSeen(scripts, look.script));
  return {
    scripts,
    requests: memory.requests + look.requests,
    grownBytes: memory.grownBytes + look.grownBytes,
  };
}

/** Scripts whose requests certainly leave memory behind, worst first. */
export function leaks(memory: LeakMemory): Leak[] {
  const found: Leak[] = [];
  for (const [script, { looks, grownBytes, others, sum, squares }] of memory.scripts) {
    if (looks < leastLooks) continue;
    // By the average of all measurements, which the first ones did not know.
    const mean = (grownBytes - others * averageOf(memory)) / looks;
    const variance = Math.max(0, squares / looks - (sum / looks) ** 2);
    if (mean < leastBytes || mean < certainty * Math.sqrt(variance / looks)) continue;
    found.push({ script, bytesPerRequest: Math.round(mean), looks });
  }
  return found.sort((a, b) => b.bytesPerRequest - a.bytesPerRequest);
}

/** Average growth per request of any script. */
function averageOf({ requests, grownBytes }: LeakMemory): number {
  return requests === 0 ? 0 : grownBytes / requests;
}

function leastSeen(scripts: LeakMemory['scripts'], spared: GrowthLook['script']): GrowthLook['script'] {
  let least = spared;
  let looks = Number.POSITIVE_INFINITY;
  for (const [script, account] of scripts) {
    if (script === spared || account.looks >= looks) continue;
    [least, looks] = [script, account.looks];
  }
  return least;
}
