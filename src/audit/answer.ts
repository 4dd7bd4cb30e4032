/** The answer to a request. */

export interface Answer {
  readonly status: number;
  /** Names as written, values as binary strings. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** As a binary string; cut where it is longer than {@link bodyMost}. */
  readonly body: string;
  /** Bytes of the whole body, and their hash. */
  readonly length: number;
  readonly hash: string;
}

/** Bytes of a body that are compared word by word; of a longer one, length and hash are compared. */
export const bodyMost = 4 * 1024 * 1024;

/** Why there is no answer. */
export interface NoAnswer {
  readonly reason: 'timeout' | 'lost';
  readonly message: string;
}

export type Outcome = Answer | NoAnswer;

export function isAnswer(outcome: Outcome): outcome is Answer {
  return 'status' in outcome;
}
