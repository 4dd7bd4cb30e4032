/** One half of what changes in two steps: opened beside what is in use, then put in force or given back. */

/** What one kind of resource has opened. Exactly one of the two is called, once. */
export interface PlannedPart {
  /**
   * Puts it in force.
   *
   * @param failed takes what could not be applied, after it was logged; everything else is applied all the same
   */
  commit(failed: (reason: string) => void): void;
  /** Gives back what was opened. */
  discard(): void;
}
