/** The signals of the master: one table for the process, the documentation and the tests. */

import { unblockSignal } from '../posix/signals.ts';

/** The master's action for a signal. */
export type MasterVerb = 'terminate' | 'finish' | 'reload' | 'reopenLogs';

export interface SignalRow {
  readonly signal: NodeJS.Signals;
  readonly verb: MasterVerb;
  /** Text for operators in docs/operations.md. */
  readonly help: string;
}

/**
 * HUP is a synonym of USR2 as in Debian's php-fpm; upstream php-fpm dies of it without clean-up. CHLD is missing: Node
 * reaps the hosts, and a host reports its own workers (and the first process of a container strangers, `boot/strangers.ts`).
 */
export const signalTable: readonly SignalRow[] = [
  { signal: 'SIGTERM', verb: 'terminate', help: 'stop at once: running requests are lost' },
  { signal: 'SIGINT', verb: 'terminate', help: 'the same as TERM' },
  { signal: 'SIGQUIT', verb: 'finish', help: 'stop gracefully: running requests finish, then exit' },
  { signal: 'SIGUSR1', verb: 'reopenLogs', help: 're-open error and access logs; no worker is restarted' },
  {
    signal: 'SIGUSR2',
    verb: 'reload',
    help: 'read the configuration again and hand over to a new generation; another program on disk becomes the master first',
  },
  { signal: 'SIGHUP', verb: 'reload', help: 'the same as USR2' },
];

/** Signals without meaning before the process serves; the others stop it then, as they stop any program. */
const heldSignals: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2', 'SIGHUP'];

/**
 * The signals of this process, caught for good: even at its very end a further signal must not kill it.
 *
 * A reload or log rotation requested while the program is still loading is kept until the master exists. bin/hathi
 * ignores them until Node starts; Node itself resets SIGUSR2 and SIGHUP to their defaults during its start (about 20
 * ms), and keeps SIGUSR1 blocked.
 */
export class MasterSignals {
  readonly #held: SignalRow[] = [];
  #enqueue: ((row: SignalRow) => void) | undefined;
  /** Was asked to: every signal of the table is caught. */
  #isDelivering = false;

  /** Catches the kept ones. Create it as early as possible. */
  constructor() {
    for (const row of signalTable) {
      if (heldSignals.includes(row.signal)) process.on(row.signal, () => this.#on(row));
    }
  }

  /** Passes every signal of the table to `enqueue` from now on, starting with the kept ones; it does nothing else. */
  deliverTo(enqueue: (row: SignalRow) => void): void {
    if (!this.#isDelivering) {
      this.#isDelivering = true;
      for (const row of signalTable) {
        if (!heldSignals.includes(row.signal)) process.on(row.signal, () => this.#on(row));
      }
      // bin/hathi starts Node with --disable-sigusr1, which leaves this one blocked.
      unblockSignal('SIGUSR1');
    }
    this.#enqueue = enqueue;
    for (const row of this.#held.splice(0)) enqueue(row);
  }

  /** Keeps them from now on, until they are delivered or taken. */
  hold(): void {
    this.#enqueue = undefined;
  }

  /** As if it had come while they are kept. */
  keep(signal: NodeJS.Signals): void {
    this.#held.push(...signalTable.filter((row) => row.signal === signal));
  }

  /** Those that were kept: somebody else handles them. */
  take(): readonly SignalRow[] {
    return this.#held.splice(0);
  }

  #on(row: SignalRow): void {
    if (this.#enqueue === undefined) this.#held.push(row);
    else this.#enqueue(row);
  }
}
