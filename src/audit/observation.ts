/** One request to a warm worker, with what the worker told around it. */

import type { Outcome } from './answer.ts';
import type { Handled, Rest } from './report-lines.ts';

export interface Step {
  /** Index of the request. */
  readonly request: number;
  /** Its number in the whole audit, which its mark has. */
  readonly sequence: number;
  readonly pass: 1 | 2;
  readonly outcome: Outcome;
  readonly before: Rest;
  /** Undefined where the worker did not come to it. */
  readonly handled: Handled | undefined;
  /** The state behind the request, undefined where the worker died. */
  readonly after: Rest | undefined;
}

/** One request to a fresh worker. */
export type FreshStep = Omit<Step, 'pass'>;

/** Steps whose request this application has served before, since its boot. */
export function repeated<Each extends FreshStep>(steps: readonly Each[]): Each[] {
  let served = new Set<number>();
  return steps.filter((step) => {
    const isRepeated = served.has(step.request);
    served.add(step.request);
    if (!goesOn(step)) served = new Set();
    return isRepeated;
  });
}

/** The application has served it and goes on: what is left behind stays. */
export function goesOn({ after, handled }: Pick<Step, 'after' | 'handled'>): boolean {
  return after !== undefined && !after.ended && handled?.exited !== true;
}
