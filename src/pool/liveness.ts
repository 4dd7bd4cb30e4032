/**
 * Whether an engine host's event loop still runs. The master asks every few seconds; a host that does not answer for
 * long is replaced. Pure; times are milliseconds on the caller's monotonic clock.
 *
 * A slow machine must not cost a pool its host: only time in which the master itself ran counts. A master that was
 * stopped together with its hosts (SIGSTOP to the group, a sleeping laptop, a debugger), or that waited for memory or
 * CPU like them, comes late to its next check, and only a small part of that gap counts.
 */

export interface LivenessRule {
  /** Time from an answer to the next question. */
  readonly askAfterMs: number;
  /** Without an answer for this long, the pool is not ready. */
  readonly lateMs: number;
  /**
   * Without an answer for this long, the host is replaced. The busiest host seen answers within a tenth of a second.
   */
  readonly deadMs: number;
  /** Maximum that counts between two checks, which are a second apart. */
  readonly longestStepMs: number;
}

export const livenessRule: LivenessRule = {
  askAfterMs: 5_000,
  lateMs: 3_000,
  deadMs: 15_000,
  longestStepMs: 1_500,
};

/** The state of one host. */
export interface Liveness {
  /** Number of the latest question; 0 before the first. */
  readonly question: number;
  readonly isOpen: boolean;
  /** Time since the open question, or since the last answer. */
  readonly countedMs: number;
  /** Undefined before the first check. */
  readonly checkedAt: number | undefined;
}

export const newLiveness: Liveness = { question: 0, isOpen: false, countedMs: 0, checkedAt: undefined };

export interface LivenessCheck {
  readonly memory: Liveness;
  /** Send a question now; its number is `memory.question`. */
  readonly asks: boolean;
  readonly verdict: 'alive' | 'late' | 'dead';
}

/** Call it about once a second. */
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

/** The host has answered. @returns undefined if that does not answer the open question */
export function answerLiveness(memory: Liveness, id: string): Liveness | undefined {
  if (!memory.isOpen || id !== String(memory.question)) return undefined;
  return { ...memory, isOpen: false, countedMs: 0 };
}

/** The host cannot be replaced now: restarts the clock. */
export function pardon(memory: Liveness): Liveness {
  return { ...memory, countedMs: 0 };
}
