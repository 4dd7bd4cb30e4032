/** The limits and the priority that a configuration gives to the master's own process. */

import { ignoredWithoutRoot } from '../config/check.ts';
import type { Configuration } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { setPriority, setResourceLimit } from '../posix/limits.ts';

/** @throws PosixError after it was logged, for a limit or a priority that cannot be had */
export function applyProcessSettings(configuration: Configuration, log: ErrorLog): void {
  tryProcessSettings(configuration, log);
  tellIgnored(configuration, log);
}

/** What a master without root's rights cannot follow. A reload tells it before it touches anything. */
export function tellIgnored(configuration: Configuration, log: ErrorLog): void {
  if (process.geteuid?.() === 0) return;
  if (configuration.global['process.priority'] !== undefined) {
    log.notice("'process.priority' directive is ignored when FPM is not running as root");
  }
  for (const { level, text } of ignoredWithoutRoot(configuration)) log.write(level, text);
}

/**
 * The same without a word about what is ignored: `-t` tries out whether this process may have what is asked for.
 *
 * @param level of the line about what cannot be had
 * @throws PosixError after it was logged
 */
export function tryProcessSettings(
  configuration: Configuration,
  log: ErrorLog,
  level: 'warning' | 'error' = 'error',
): void {
  applyResourceLimits(configuration, log, level);
  const priority = configuration.global['process.priority'];
  if (priority === undefined || process.geteuid?.() !== 0) return;
  attempt(log, level, 'Unable to set priority for the master process', () => setPriority(priority));
}

/** @throws PosixError after it was logged, for a limit that cannot be had */
export function applyResourceLimits(
  { global }: Configuration,
  log: ErrorLog,
  level: 'warning' | 'error' = 'error',
): void {
  const limits = [
    ['nofile', 'RLIMIT_NOFILE', 'rlimit_files'],
    ['core', 'RLIMIT_CORE', 'rlimit_core'],
  ] as const;
  for (const [resource, name, directive] of limits) {
    const value = global[directive];
    if (value === 0) continue;
    attempt(
      log,
      level,
      `failed to set ${directive} for this pool. Please check your system limits or decrease ${directive}. setrlimit(${name}, ${value})`,
      () => setResourceLimit(resource, value),
    );
  }
}

function attempt(log: ErrorLog, level: 'warning' | 'error', failure: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    log.sysError(failure, error, level);
    throw error;
  }
}
