/** Half of a change in two steps: opened beside the current state, then committed or discarded. */

/** Opened resources of one kind. Exactly one of the two methods is called, once. */
export interface PlannedPart {
  /**
   * Puts them into effect.
   *
   * @param failed receives what could not be applied, after it was logged; everything else is applied all the same
   */
  commit(failed: (reason: string) => void): void;
  /** Closes what was opened. */
  discard(): void;
}
