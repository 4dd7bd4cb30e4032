/**
 * The pools' access logs: opened by the master, which may be the only one with the permission, and passed to the hosts.
 */

import { closeSync, openSync } from 'node:fs';
import type { PoolConfig } from '../config/directives.ts';
import { logOwners, type PreparedPool } from '../generation/prepared-pool.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { isStandardStream, openLogFile } from '../log/open-file.ts';
import { ForeignFileError } from '../posix/trusted-path.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';

/** A file that cannot be opened; the cause is the error of open(2). */
export class AccessLogError extends Error {
  constructor(path: string, cause: unknown) {
    super(`failed to open access log (${path})`, { cause });
  }
}

interface OpenLog {
  readonly fd: number;
  /** Users of the pools that write to it. */
  readonly owners: readonly number[];
  /** Discards its lines: the file at its path is unsafe to open. */
  readonly isRefused: boolean;
}

/** The required part of a pool. */
type LoggingPool = Pick<PreparedPool, 'config' | 'identity'>;

export class AccessLogs {
  readonly #log: ErrorLog;
  /** By path: pools may share a file. */
  readonly #open = new Map<string, OpenLog>();

  constructor(log: ErrorLog) {
    this.#log = log;
  }

  /** Descriptor of a pool's file, opened by a plan; undefined for a pool without one. */
  of({ 'access.log': path }: PoolConfig): number | undefined {
    return path === undefined ? undefined : this.#open.get(path)?.fd;
  }

  /**
   * Opens the files of these pools that are not open yet. A file under the control of others is refused with a line in
   * the log, and the pool serves without an access log until the next attempt, a reload or {@link reopen}: no pool's
   * user can prevent others from starting.
   *
   * @throws AccessLogError
   */
  plan(pools: readonly LoggingPool[]): PlannedPart {
    const opened = new Map<string, OpenLog>();
    const discard = (): void => {
      for (const { fd } of opened.values()) closeSync(fd);
    };
    const owners = ownersByPath(pools);
    for (const [path, users] of owners) {
      if (this.#open.get(path)?.isRefused === false) continue;
      try {
        opened.set(path, this.#openOrRefuse(path, users));
      } catch (error) {
        discard();
        throw new AccessLogError(path, error);
      }
    }
    return { commit: () => this.#commit(opened, owners), discard };
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Reopens every file. On failure the old descriptor stays in use; so do the streams that the master was started with.
   *
   * @returns paths that could not be opened, with the reason
   */
  reopen(): { readonly path: string; readonly error: Error }[] {
    const failures: { path: string; error: Error }[] = [];
    for (const [path, log] of this.#open) {
      if (isStandardStream(path)) continue;
      try {
        const fd = openLogFile(path, log.owners);
        closeSync(log.fd);
        this.#open.set(path, { ...log, fd, isRefused: false });
      } catch (error) {
        failures.push({ path, error: error as Error });
      }
    }
    return failures;
  }

  /** Closes files that no pool of the list uses. */
  retain(pools: readonly PoolConfig[]): void {
    const wanted = new Set(pools.map((pool) => pool['access.log']));
    for (const [path, { fd }] of this.#open) {
      if (wanted.has(path)) continue;
      closeSync(fd);
      this.#open.delete(path);
    }
  }

  close(): void {
    this.retain([]);
  }

  #commit(opened: ReadonlyMap<string, OpenLog>, owners: ReadonlyMap<string, readonly number[]>): void {
    for (const [path, users] of owners) {
      const known = this.#open.get(path);
      const fresh = opened.get(path);
      if (known !== undefined && fresh !== undefined) closeSync(known.fd);
      const log = fresh ?? known;
      if (log !== undefined) this.#open.set(path, { ...log, owners: users });
    }
  }

  #openOrRefuse(path: string, owners: readonly number[]): OpenLog {
    try {
      return { fd: openLogFile(path, owners), owners, isRefused: false };
    } catch (error) {
      if (!(error instanceof ForeignFileError)) throw error;
      this.#log.sysError(`failed to open access log (${path})`, error);
      return { fd: openSync('/dev/null', 'w'), owners, isRefused: true };
    }
  }
}

/** Users that may own the logs. */
function ownersByPath(pools: readonly LoggingPool[]): Map<string, readonly number[]> {
  const owners = new Map<string, readonly number[]>();
  for (const pool of pools) {
    const { 'access.log': path } = pool.config;
    if (path !== undefined) {
      owners.set(path, [...new Set([...(owners.get(path) ?? []), ...logOwners(pool)])]);
    }
  }
  return owners;
}
