/** Uses the master's rights and gives them up, in the order of PHP-FPM's workers. */

import { accessSync, constants } from 'node:fs';
import { errorNumber } from '../../../posix/libc.ts';
import {
  chroot as changeRootFolder,
  setDumpable,
  setPriority,
  setResourceLimit,
} from '../../../posix/limits.ts';
import { formatLocalTime } from '../../../posix/time.ts';
import type { PoolSettings } from './pool-settings.ts';

/** The pool cannot run with these rights. The message is for the error log and has the remedy. */
export class RightsError extends Error {
  readonly code = 'HATHI_RIGHTS';
}

/**
 * Applies limits, root and working folder, priority and user. Afterwards no right of root is left.
 *
 * @returns failures that do not prevent the start; to be logged at level error.
 * @throws RightsError naming the failed step.
 */
export function giveUpRights(settings: PoolSettings): string[] {
  const problems = applyResourceLimits(settings);
  changeRoot(settings);
  if (settings.isRoot && settings.priority !== undefined) {
    const nice = settings.priority;
    step('Unable to set priority for this new process', () => setPriority(nice));
  }
  if (settings.isRoot) changeUser(settings);
  // A change of user makes the kernel clear the attribute, so it is set afterwards.
  if (settings.dumpable) {
    problems.push(...attempt('failed to prctl(PR_SET_DUMPABLE)', () => setDumpable(true)));
  }
  return problems;
}

function applyResourceLimits({ rlimitFiles, rlimitCore }: PoolSettings): string[] {
  const problem = (name: string, call: string): string =>
    `failed to set ${name} for this pool. Please check your system limits or decrease ${name}. ${call}`;
  const problems: string[] = [];
  if (rlimitFiles !== undefined) {
    const text = problem('rlimit_files', `setrlimit(RLIMIT_NOFILE, ${rlimitFiles})`);
    problems.push(...attempt(text, () => setResourceLimit('nofile', rlimitFiles)));
  }
  if (rlimitCore !== undefined) {
    const text = problem('rlimit_core', `setrlimit(RLIMIT_CORE, ${rlimitCore})`);
    problems.push(...attempt(text, () => setResourceLimit('core', rlimitCore)));
  }
  return problems;
}

/** Changes to the new root and to a folder in it, so that no path leads out again. */
function changeRoot({ isRoot, chroot, chdir }: PoolSettings): void {
  if (isRoot && chroot !== undefined) {
    readTimeZone();
    step(`failed to chroot(${chroot})`, () => changeRootFolder(chroot));
  }
  if (chdir !== undefined) step(`failed to chdir(${chdir})`, () => process.chdir(chdir));
}

/**
 * Keeps the system's local time in the access log, since its file is outside of the new root. V8 reads it first,
 * because it makes the C library read the file again.
 */
function readTimeZone(): void {
  new Date().getTimezoneOffset();
  formatLocalTime(Buffer.from('%H'), 0);
}

/**
 * Checks that the engine can show the new root to PHP; called after {@link giveUpRights}, because that depends on the
 * user.
 *
 * @throws RightsError with the remedy.
 */
export function checkChroot({ isRoot, chroot }: PoolSettings): void {
  if (!isRoot || chroot === undefined) return;
  const user = `uid ${process.getuid?.()}, gid ${process.getgid?.()}`;
  const text =
    `the pool's user (${user}) cannot enter the chroot '${chroot}': ` +
    `run chmod o+x '${chroot}', or give it to the user`;
  step(text, () => accessSync('/', constants.X_OK));
}

/** Group and groups come first: afterwards the right to change them is gone. */
function changeUser({ runAs }: PoolSettings): void {
  if (runAs === undefined) return;
  const { uid, gid, groups } = runAs;
  if (gid !== 0) step(`failed to setgid(${gid})`, () => process.setgid?.(gid));
  if (uid === 0) return;
  const supplementary = groups.length === 0 ? [gid] : groups;
  step(`failed to setgroups(${supplementary.join(' ')})`, () => process.setgroups?.(supplementary));
  step(`failed to setuid(${uid})`, () => process.setuid?.(uid));
}

function step(text: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw new RightsError(`${text}: ${reason(cause)}`, { cause });
  }
}

function attempt(text: string, action: () => void): string[] {
  try {
    action();
    return [];
  } catch (cause) {
    return [`${text}: ${reason(cause)}`];
  }
}

/** The end of php-fpm's lines about failed system calls. */
function reason(cause: unknown): string {
  const failure = errorNumber(cause);
  if (failure !== undefined) return `${failure.strerror} (${failure.errno})`;
  return cause instanceof Error ? cause.message : String(cause);
}
