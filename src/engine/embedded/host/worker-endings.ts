/** Reports the end of a worker to the master, and its consequence for the worker's request. */

import type { EndMode } from '../../contract.ts';
import type { Failure } from './exchange.ts';

/** Words after `ended SLOT PID`. */
export type EndWords = readonly ['exit' | 'signal', string];

export interface Ending {
  readonly words: EndWords;
  readonly failure: Failure;
}

/**
 * Ends ordered by the master, as the signal that a process would have got. `quit` has no entry: it waits for the
 * request.
 */
export const orderedEndings: Readonly<Record<Exclude<EndMode, 'quit'>, Ending>> = {
  term: { words: ['signal', '15'], failure: { kind: 'ended' } },
  kill: { words: ['signal', '9'], failure: { kind: 'ended' } },
  timeout: { words: ['signal', '15'], failure: { kind: 'timeout' } },
};

/** Orderly ends: idle and asked to leave, or renewed. */
export const orderly: EndWords = ['exit', '0'];

/** The engine trapped or the thread died: a process would have got a segmentation fault. */
export const crash: Ending = { words: ['signal', '11'], failure: { kind: 'crash' } };

/** PHP's exit status after a fatal error: the thread was inside the script and could not be recovered. */
export function executionTimeUsedUp(seconds: number): Ending {
  return { words: ['exit', '255'], failure: { kind: 'executionTime', seconds } };
}

/** The worker never started; PHP-FPM's exit status for that. */
export const bootFailed: EndWords = ['exit', '70'];
