/**
 * The signals of the master: one table for the process, for the documentation and for the tests.
 */

import { unblockSignal } from '../posix/signals.ts';

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

/** Those that mean nothing to a process before it serves; the others stop it then, as they stop any program. */
const heldSignals: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2', 'SIGHUP'];

/**
 * The signals of this process, caught for good: also at its very end one signal more must not kill it.
 *
 * A reload or log rotation that is asked for while the program is still being loaded is kept until there is a master
 * to do it. bin/hathi has them ignored until Node starts; Node itself gives SIGUSR2 and SIGHUP their defaults again
 * while it starts (about 20 ms), and keeps SIGUSR1 blocked.
 */
export class MasterSignals {
  readonly #held: SignalRow[] = [];
  #enqueue: ((row: SignalRow) => void) | undefined;

  /** Catches what is to be kept. The earlier in the program's life, the better. */
  constructor() {
    for (const row of signalTable) {
      if (heldSignals.includes(row.signal)) process.on(row.signal, () => this.#on(row));
    }
  }

  /** Hands every signal of the table to `enqueue` from now on, first those that were kept; it does nothing else. */
  deliverTo(enqueue: (row: SignalRow) => void): void {
    if (this.#enqueue === undefined) {
      for (const row of signalTable) {
        if (!heldSignals.includes(row.signal)) process.on(row.signal, () => this.#on(row));
      }
      // bin/hathi starts Node with --disable-sigusr1, which leaves this one blocked.
      unblockSignal('SIGUSR1');
    }
    this.#enqueue = enqueue;
    for (const row of this.#held.splice(0)) enqueue(row);
  }

  #on(row: SignalRow): void {
    if (this.#enqueue === undefined) this.#held.push(row);
    else this.#enqueue(row);
  }
}
