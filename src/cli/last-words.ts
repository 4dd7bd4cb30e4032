/** What the master leaves behind when it fails by a fault of its own. */

import type { ErrorLog } from '../log/error-log.ts';
import type { LaunchReport } from './daemonize.ts';

/**
 * An error that nobody caught, a rejected promise included, ends the master: its state is not to be trusted any
 * more, and whoever supervises it starts another. The reason goes to the error log, since in the background stderr
 * may be nowhere. Hosts end with their channel; the next start replaces the socket files.
 */
export function reportFaults(log: ErrorLog, report: LaunchReport): void {
  process.once('uncaughtException', (error) => {
    log.alert(`the master failed and ends: ${error instanceof Error ? error.message : String(error)}`);
    const places = error instanceof Error ? (error.stack ?? '').split('\n').slice(1) : [];
    for (const place of places) log.alert(place.trim());
    report.send(false);
    // By a signal, as a program in C fails: exit codes are for what a restart does not cure.
    process.kill(process.pid, 'SIGABRT');
  });
}
