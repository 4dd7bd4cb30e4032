/** The master's last actions after a fault of its own. */

import type { ErrorLog } from '../log/error-log.ts';
import type { LaunchReport } from './daemonize.ts';

/** A running master, which can let its hosts finish. */
export interface FailingMaster {
  /** @throws the error when the master is already ending, or cannot */
  fail(error: unknown): void;
}

/**
 * An uncaught error or rejected promise ends the master: its state can no longer be trusted, and its supervisor starts
 * another. The reason goes to the error log, since in the background stderr may be /dev/null. A running master lets its
 * hosts finish; without one, and at a second error, the process ends at once, and hosts end with their channel.
 *
 * @returns a function that registers the master
 */
export function reportFaults(log: ErrorLog, report: LaunchReport): (master: FailingMaster) => void {
  let running: FailingMaster | undefined;
  process.on('uncaughtException', (error) => {
    const master = running;
    running = undefined;
    try {
      if (master !== undefined) return master.fail(error);
    } catch {
      // It reports the failure itself; a second line about that would add nothing.
    }
    log.alert(`the master failed and ends: ${error instanceof Error ? error.message : String(error)}`);
    const places = error instanceof Error ? (error.stack ?? '').split('\n').slice(1) : [];
    for (const place of places) log.alert(place.trim());
    report.send(false);
    endByFault();
  });
  return (master) => {
    running = master;
  };
}

/** By a signal, as a C program fails: exit codes are for faults that a restart cannot fix. */
export function endByFault(): void {
  process.kill(process.pid, 'SIGABRT');
}
