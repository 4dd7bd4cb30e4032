/** Where the log lines of a master go, from its configuration and from how it was started. */

import type { GlobalConfig } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';

/**
 * Puts `log_level`, `log_limit`, `log_format` and `error_log` in force.
 *
 * @throws the error of open(2) after it was logged
 */
export function openErrorLog(
  log: ErrorLog,
  global: GlobalConfig,
  { useStderr }: { readonly useStderr: boolean },
): void {
  log.configure({ level: global.log_level, limit: global.log_limit, format: global.log_format });
  if (global.error_log.toLowerCase() === 'syslog') {
    const facility = global['syslog.facility'];
    log.open({ kind: 'syslog', ident: global['syslog.ident'], facility, useStderr });
  } else {
    log.open({ kind: 'file', path: global.error_log, useStderr });
  }
}
