/** SIGUSR1: every log file is opened anew under its name. No worker is restarted: hosts are handed the new files. */

import { constants } from 'node:os';
import type { ErrorLog } from '../log/error-log.ts';
import { sendDescriptor } from '../posix/descriptors.ts';
import { errorNumber } from '../posix/libc.ts';
import type { AccessLogs } from './access-logs.ts';
import type { PoolRunner } from './pool-runner.ts';

export function reopenLogs(log: ErrorLog, accessLogs: AccessLogs, runners: readonly PoolRunner[]): void {
  log.reopen();
  if (accessLogs.size === 0) return;
  const failures = accessLogs.reopen();
  for (const { path, error } of failures) log.sysError(`failed to open access log (${path})`, error);
  for (const runner of runners) {
    const fd = accessLogs.open(runner.prepared);
    if (fd === undefined) continue;
    runner.passAccessLog((channel) => passTo(channel, fd, runner.name, log));
  }
  if (failures.length > 0) log.error('unable to re-opened access log file');
  else log.notice('access log file re-opened');
}

/** @returns whether the host got it; one that has ended, whose exit is only not handled yet, needs no log */
function passTo(channel: number, fd: number, pool: string, log: ErrorLog): boolean {
  try {
    sendDescriptor(channel, fd);
    return true;
  } catch (error) {
    const isGone = errorNumber(error)?.errno === constants.errno.EPIPE;
    if (!isGone) log.sysError(`[pool ${pool}] cannot hand the new access log to the engine host`, error);
    return false;
  }
}
