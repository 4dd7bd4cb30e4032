/** Work in steps: the runner may do something else at every yield. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Runs it to its end without a break. */
export function complete<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
