/** What the master leaves behind when it fails by a fault of its own. */

import type { ErrorLog } from '../log/error-log.ts';
import type { LaunchReport } from './daemonize.ts';

/** A running master, which can let its hosts finish. */
export interface FailingMaster {
  /** @throws the error when it ends already, or cannot */
  fail(error: unknown): void;
}

/**
 * An error that nobody caught, a rejected promise included, ends the master: its state is not to be trusted any
 * more, and whoever supervises it starts another. The reason goes to the error log, since in the background stderr
 * may be nowhere. A master that runs lets its hosts finish; without one, and at a second error, the process ends at
 * once, and hosts end with their channel.
 *
 * @returns tells it of the master
 */
export function reportFaults(log: ErrorLog, report: LaunchReport): (master: FailingMaster) => void {
  let running: FailingMaster | undefined;
  process.on('uncaughtException', (error) => {
    const master = running;
    running = undefined;
    try {
      if (master !== undefined) return master.fail(error);
    } catch {
      // It says the same; what it could not do is not worth a second line.
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

/** By a signal, as a program in C fails: exit codes are for what a restart does not cure. */
export function endByFault(): void {
  process.kill(process.pid, 'SIGABRT');
}
