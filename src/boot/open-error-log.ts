/** Destination of a master's log lines, from its configuration and the way it was started. */

import type { GlobalConfig } from '../config/directives.ts';
import type { Destination } from '../log/destination.ts';
import type { ErrorLog } from '../log/error-log.ts';

/** Options of the log. */
export interface ErrorLogPlace {
  /** Lines go to stderr, though the file is opened. */
  readonly useStderr: boolean;
}

/**
 * Applies `log_level`, `log_limit`, `log_format` and `error_log`.
 *
 * @throws the error of open(2) after logging it
 */
export function openErrorLog(log: ErrorLog, global: GlobalConfig, place: ErrorLogPlace): void {
  configure(log, global);
  log.open(destinationOf(global, place));
}

/**
 * The same in two steps: nothing changes before the commit.
 *
 * @throws the error of open(2) after logging it
 */
export function planErrorLog(
  log: ErrorLog,
  global: GlobalConfig,
  place: ErrorLogPlace,
): { commit(): void; discard(): void } {
  const planned = log.plan(destinationOf(global, place));
  return {
    commit: () => {
      configure(log, global);
      planned.commit();
    },
    discard: () => planned.discard(),
  };
}

function configure(log: ErrorLog, global: GlobalConfig): void {
  log.configure({ level: global.log_level, limit: global.log_limit, format: global.log_format });
}

function destinationOf(global: GlobalConfig, { useStderr }: ErrorLogPlace): Destination {
  if (global.error_log.toLowerCase() !== 'syslog') {
    return { kind: 'file', path: global.error_log, useStderr };
  }
  const facility = global['syslog.facility'];
  return { kind: 'syslog', ident: global['syslog.ident'], facility, useStderr };
}
