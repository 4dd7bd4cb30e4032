/** The pools' access logs: opened by the master, which may be the only one with the right to, and handed to the hosts. */

import { closeSync, openSync } from 'node:fs';
import type { PoolConfig } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { isStandardStream, openLogFile } from '../log/open-file.ts';
import { ForeignFileError } from '../posix/trusted-path.ts';
import { logOwners, type PreparedPool } from './pool-context.ts';

interface OpenLog {
  fd: number;
  /** Of the pools that write to it. */
  owners: readonly number[];
  /** It leads nowhere: what stands at its path is not fit to be opened. */
  isRefused: boolean;
}

export class AccessLogs {
  readonly #log: ErrorLog;
  /** By path: pools may share a file. */
  readonly #open = new Map<string, OpenLog>();

  constructor(log: ErrorLog) {
    this.#log = log;
  }

  /**
   * The descriptor for a pool. A file of others' making is refused with a line in the log, and the pool serves without an
   * access log until the next attempt, a reload or {@link reopen}: no pool's user can keep the others from starting.
   *
   * @throws the error of open(2)
   */
  open({ config, identity }: Pick<PreparedPool, 'config' | 'identity'>): number | undefined {
    const path = config['access.log'];
    if (path === undefined) return undefined;
    const known = this.#open.get(path);
    const owners = [...new Set([...(known?.owners ?? []), ...logOwners({ identity })])];
    if (known !== undefined && !known.isRefused) {
      known.owners = owners;
      return known.fd;
    }
    const opened = this.#openOrRefuse(path, owners);
    if (known !== undefined) closeSync(known.fd);
    this.#open.set(path, opened);
    return opened.fd;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Opens every file anew. Where that fails the old descriptor stays in use, and so do the streams that the master was
   * started with.
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

  /** Closes the files that no pool of the list writes to. */
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
