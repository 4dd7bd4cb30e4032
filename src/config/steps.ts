/** Work in steps: whoever runs it may do something else wherever it yields. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Runs it to its end without a break. */
export function complete<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
