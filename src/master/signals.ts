/**
 * The signals of the master: one table for the process, for the documentation and for the tests.
 */

/** What the master does about a signal. */
export type MasterVerb = 'terminate' | 'finish' | 'reload' | 'reopenLogs';

export interface SignalRow {
  readonly signal: NodeJS.Signals;
  readonly verb: MasterVerb;
  /** What an operator reads about it in docs/operations.md. */
  readonly help: string;
}

/**
 * HUP is a synonym of USR2 as in Debian's php-fpm; upstream php-fpm dies of it without clean-up.
 * CHLD is not here: Node reaps the hosts, and a host reports its own workers.
 */
export const signalTable: readonly SignalRow[] = [
  { signal: 'SIGTERM', verb: 'terminate', help: 'stop at once: running requests are lost' },
  { signal: 'SIGINT', verb: 'terminate', help: 'the same as TERM' },
  { signal: 'SIGQUIT', verb: 'finish', help: 'stop gracefully: running requests finish, then exit' },
  { signal: 'SIGUSR1', verb: 'reopenLogs', help: 're-open error and access logs; no worker is restarted' },
  {
    signal: 'SIGUSR2',
    verb: 'reload',
    help: 'read the configuration again and hand over to a new generation',
  },
  { signal: 'SIGHUP', verb: 'reload', help: 'the same as USR2' },
];

/**
 * Hands every signal of the table to `enqueue`; the handlers do nothing else.
 *
 * @returns a function that takes the handlers away again
 */
export function installSignals(enqueue: (row: SignalRow) => void): () => void {
  const installed = signalTable.map((row) => {
    const handler = (): void => enqueue(row);
    process.on(row.signal, handler);
    return { signal: row.signal, handler };
  });
  return () => {
    for (const { signal, handler } of installed) process.off(signal, handler);
  };
}
