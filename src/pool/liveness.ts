/**
 * Whether an engine host still turns its loop. The master asks every few seconds; a host that does not answer for long
 * is replaced. Pure; times are milliseconds on the caller's monotonic clock.
 *
 * A host must not lose its pool because the machine is slow: only time is counted in which the master itself ran. A
 * master that was stopped together with its hosts (SIGSTOP to the group, a laptop that slept, a debugger), or that
 * waited for memory or the processor as they did, comes to its next check late, and of that gap little counts.
 */

export interface LivenessRule {
  /** From an answer to the next question. */
  readonly askAfterMs: number;
  /** Without an answer for so long the pool is not ready any more. */
  readonly lateMs: number;
  /** And for so long its host is replaced. The busiest host seen answers within a tenth of a second. */
  readonly deadMs: number;
  /** What counts at most of the time between two checks, which are a second apart. */
  readonly longestStepMs: number;
}

export const livenessRule: LivenessRule = {
  askAfterMs: 5_000,
  lateMs: 3_000,
  deadMs: 15_000,
  longestStepMs: 1_500,
};

/** What is remembered of one host. */
export interface Liveness {
  /** Number of the latest question; 0 before the first one. */
  readonly question: number;
  readonly isOpen: boolean;
  /** Counted since the question while it is open, since the answer while it is not. */
  readonly countedMs: number;
  /** Undefined before the first check. */
  readonly checkedAt: number | undefined;
}

export const newLiveness: Liveness = { question: 0, isOpen: false, countedMs: 0, checkedAt: undefined };

export interface LivenessCheck {
  readonly memory: Liveness;
  /** A question is to be sent: `memory.question` is its number. */
  readonly asks: boolean;
  readonly verdict: 'alive' | 'late' | 'dead';
}

/** To be called about once a second. */
export function checkLiveness(rule: LivenessRule, memory: Liveness, now: number): LivenessCheck {
  const step = memory.checkedAt === undefined ? 0 : Math.min(now - memory.checkedAt, rule.longestStepMs);
  const counted = { ...memory, checkedAt: now, countedMs: memory.countedMs + step };
  if (!memory.isOpen) {
    const asks = counted.countedMs >= rule.askAfterMs;
    if (!asks) return { memory: counted, asks, verdict: 'alive' };
    const asked = { ...counted, question: memory.question + 1, isOpen: true, countedMs: 0 };
    return { memory: asked, asks, verdict: 'alive' };
  }
  const verdict =
    counted.countedMs >= rule.deadMs ? 'dead' : counted.countedMs >= rule.lateMs ? 'late' : 'alive';
  return { memory: counted, asks: false, verdict };
}

/** The host has answered. @returns undefined when that is no answer to the open question */
export function answerLiveness(memory: Liveness, id: string): Liveness | undefined {
  if (!memory.isOpen || id !== String(memory.question)) return undefined;
  return { ...memory, isOpen: false, countedMs: 0 };
}

/** The host may not be replaced now: the time counts anew. */
export function pardon(memory: Liveness): Liveness {
  return { ...memory, countedMs: 0 };
}
