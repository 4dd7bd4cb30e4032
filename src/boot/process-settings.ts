/** Limits and priority of the master's own process. */

import { ignoredWithoutRoot } from '../config/check.ts';
import type { Configuration } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { failureText } from '../log/file.ts';
import {
  checkPriority,
  checkResourceLimit,
  type Resource,
  setPriority,
  setResourceLimit,
} from '../posix/limits.ts';

/** @throws PosixError after logging it, for an unavailable limit or priority */
export function applyProcessSettings(configuration: Configuration, log: ErrorLog): void {
  tryProcessSettings(configuration, log);
  tellIgnored(configuration, log);
}

/** Reports directives that a master without root's rights ignores. A reload calls it before any change. */
export function tellIgnored(configuration: Configuration, log: ErrorLog): void {
  if (process.geteuid?.() === 0) return;
  if (configuration.global['process.priority'] !== undefined) {
    log.notice("'process.priority' directive is ignored when FPM is not running as root");
  }
  for (const { level, text } of ignoredWithoutRoot(configuration)) log.write(level, text);
}

/**
 * Applies them without reporting ignored ones.
 *
 * @throws PosixError after logging it
 */
export function tryProcessSettings(configuration: Configuration, log: ErrorLog): void {
  applyResourceLimits(configuration, log);
  const priority = priorityOf(configuration);
  if (priority !== undefined) attempt(log, priorityFailure, () => setPriority(priority));
}

/** Log lines about unavailable settings. Changes nothing. */
export function processObstacles(configuration: Configuration): string[] {
  const limits = wantedLimits(configuration).map(({ resource, value, failure }) =>
    problemOf(failure, () => checkResourceLimit(resource, value)),
  );
  const priority = priorityOf(configuration);
  const obstacle =
    priority === undefined ? undefined : problemOf(priorityFailure, () => checkPriority(priority));
  return [...limits, obstacle].filter((line) => line !== undefined);
}

/** @throws PosixError after logging it, for an unavailable limit */
export function applyResourceLimits(configuration: Configuration, log: ErrorLog): void {
  for (const { resource, value, failure } of wantedLimits(configuration)) {
    attempt(log, failure, () => setResourceLimit(resource, value));
  }
}

const priorityFailure = 'Unable to set priority for the master process';

/** As in php-fpm only root's counts. */
function priorityOf({ global }: Configuration): number | undefined {
  return process.geteuid?.() === 0 ? global['process.priority'] : undefined;
}

interface WantedLimit {
  readonly resource: Resource;
  readonly value: number;
  /** The log line for an unavailable limit. */
  readonly failure: string;
}

function wantedLimits({ global }: Configuration): WantedLimit[] {
  const limits = [
    ['nofile', 'RLIMIT_NOFILE', 'rlimit_files'],
    ['core', 'RLIMIT_CORE', 'rlimit_core'],
  ] as const;
  return limits
    .filter(([, , directive]) => global[directive] !== 0)
    .map(([resource, name, directive]) => ({
      resource,
      value: global[directive],
      failure: `failed to set ${directive} for this pool. Please check your system limits or decrease ${directive}. setrlimit(${name}, ${global[directive]})`,
    }));
}

function problemOf(failure: string, check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return `${failure}: ${failureText(error)}`;
  }
}

function attempt(log: ErrorLog, failure: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    log.sysError(failure, error);
    throw error;
  }
}
