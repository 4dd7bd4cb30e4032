/** A state machine: states and the table of legal moves. */

export interface Transitions<State extends string> {
  /** Legal next states of each state. */
  readonly table: Readonly<Record<State, readonly State[]>>;
  readonly allows: (from: State, to: State) => boolean;
  /**
   * Checks a move.
   *
   * @returns the new state
   * @throws the table's error for an illegal move, naming both states
   */
  readonly move: (from: State, to: State) => State;
}

/**
 * @param who subject of the error: `a worker`
 * @param Fault class of that error
 */
export function transitions<State extends string>(
  who: string,
  table: Readonly<Record<State, readonly State[]>>,
  Fault: new (message: string) => Error = Error,
): Transitions<State> {
  const allows = (from: State, to: State): boolean => table[from].includes(to);
  return {
    table,
    allows,
    move: (from, to) => {
      if (!allows(from, to)) throw new Fault(`${who} cannot go from "${from}" to "${to}"`);
      return to;
    },
  };
}
