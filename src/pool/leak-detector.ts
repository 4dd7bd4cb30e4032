/**
 * Which script leaves memory behind: a worker is looked at before and after some requests, and the difference is put to the
 * account of the script that ran last. Pure.
 *
 * Of the requests between two looks only the last one's script is known. What the others leave on average is taken off, so
 * that a script is not blamed for its neighbours; looks with many requests between them are left out, as they tell little.
 */

import type { RequestTexts } from '../text/request-texts.ts';

/** A worker between two looks, while it had no request both times. */
export interface GrowthLook {
  /** Of the last request. */
  readonly script: RequestTexts['script'];
  /** Requests between the looks, 1 at least. */
  readonly requests: number;
  readonly grownBytes: number;
}

interface Account {
  readonly looks: number;
  readonly grownBytes: number;
  /** Requests of whatever scripts that came before its own. */
  readonly others: number;
  /** Of what was its own by the average of that time; for the spread alone. */
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
  /** Looks that it was seen in. */
  readonly looks: number;
}

const noAccount: Account = { looks: 0, grownBytes: 0, others: 0, sum: 0, squares: 0 };

export const noLeaks: LeakMemory = { scripts: new Map(), requests: 0, grownBytes: 0 };

const mostRequests = 64;
/** Scripts that are told apart; the one that was seen least gives way to another. */
const mostScripts = 200;
const leastLooks = 20;
/** A leak below this is none. */
const leastBytes = 1024;
/** Standard errors above zero that it has to be. */
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

/** Those whose requests certainly leave something behind, the one that leaves most first. */
export function leaks(memory: LeakMemory): Leak[] {
  const found: Leak[] = [];
  for (const [script, { looks, grownBytes, others, sum, squares }] of memory.scripts) {
    if (looks < leastLooks) continue;
    // By the average of all looks, which the first ones did not know.
    const mean = (grownBytes - others * averageOf(memory)) / looks;
    const variance = Math.max(0, squares / looks - (sum / looks) ** 2);
    if (mean < leastBytes || mean < certainty * Math.sqrt(variance / looks)) continue;
    found.push({ script, bytesPerRequest: Math.round(mean), looks });
  }
  return found.sort((a, b) => b.bytesPerRequest - a.bytesPerRequest);
}

/** What a request leaves behind, whatever it runs. */
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
