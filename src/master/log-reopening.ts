/** SIGUSR1: reopens every log file by its name. Workers keep running: hosts get the new files. */

import { contain } from '../generation/bulkhead.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { AccessLogs } from './access-logs.ts';

export function reopenLogs(log: ErrorLog, accessLogs: AccessLogs, runners: readonly PoolRunner[]): void {
  log.reopen();
  if (accessLogs.size === 0) return;
  const failures = accessLogs.reopen();
  for (const { path, error } of failures) log.sysError(`failed to open access log (${path})`, error);
  for (const runner of runners) {
    const fd = accessLogs.of(runner.config);
    if (fd === undefined) continue;
    contain(runner, 'passing its access log', () => runner.passAccessLog(fd));
  }
  if (failures.length > 0) log.error('unable to re-opened access log file');
  else log.notice('access log file re-opened');
}
