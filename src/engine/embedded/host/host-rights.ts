/** What the host does with the master's rights before it gives them up, in the order of PHP-FPM's workers. */

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

/** The pool cannot be run with these rights. The message is for the error log and says what to do. */
export class RightsError extends Error {
  readonly code = 'HATHI_RIGHTS';
}

/**
 * Applies limits, root and working folder, priority and user. Afterwards nothing of root is left.
 *
 * @returns what could not be done and does not matter enough to stop; to be logged at level error.
 * @throws RightsError naming the step that failed.
 */
export function giveUpRights(settings: PoolSettings): string[] {
  const problems = applyResourceLimits(settings);
  changeRoot(settings);
  if (settings.isRoot && settings.priority !== undefined) {
    const nice = settings.priority;
    step('Unable to set priority for this new process', () => setPriority(nice));
  }
  if (settings.isRoot) changeUser(settings);
  // The kernel clears the attribute with the change of user, so it is set after that.
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

/** Goes to the new root and to a folder in it, so that no path leads out again. */
function changeRoot({ isRoot, chroot, chdir }: PoolSettings): void {
  if (isRoot && chroot !== undefined) {
    readTimeZone();
    step(`failed to chroot(${chroot})`, () => changeRootFolder(chroot));
  }
  if (chdir !== undefined) step(`failed to chdir(${chdir})`, () => process.chdir(chdir));
}

/**
 * Local time in the access log stays that of the system, whose file is outside of the new root. V8 looks first,
 * because it has the C library read the file again.
 */
function readTimeZone(): void {
  new Date().getTimezoneOffset();
  formatLocalTime(Buffer.from('%H'), 0);
}

/**
 * Makes sure that the engine can show the new root to PHP; called after {@link giveUpRights}, because that depends
 * on the user.
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

/** Group and groups go first: afterwards the right to change them is gone. */
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

/** As php-fpm ends its lines about failed system calls. */
function reason(cause: unknown): string {
  const failure = errorNumber(cause);
  if (failure !== undefined) return `${failure.strerror} (${failure.errno})`;
  return cause instanceof Error ? cause.message : String(cause);
}
