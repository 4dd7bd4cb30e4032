/** The pools' access logs: opened by the master, which may be the only one with the right to, and handed to the hosts. */

import { closeSync } from 'node:fs';
import type { PoolConfig } from '../config/directives.ts';
import { openLogFile } from '../log/file.ts';

export class AccessLogs {
  /** By path: pools may share a file. */
  readonly #fds = new Map<string, number>();

  /** @throws the error of open(2) */
  open(pool: PoolConfig): number | undefined {
    const path = pool['access.log'];
    if (path === undefined) return undefined;
    let fd = this.#fds.get(path);
    if (fd === undefined) {
      fd = openLogFile(path);
      this.#fds.set(path, fd);
    }
    return fd;
  }

  get size(): number {
    return this.#fds.size;
  }

  /**
   * Opens every file anew. Where that fails the old descriptor stays in use.
   *
   * @returns paths that could not be opened, with the reason
   */
  reopen(): { readonly path: string; readonly error: Error }[] {
    const failures: { path: string; error: Error }[] = [];
    for (const [path, old] of this.#fds) {
      try {
        this.#fds.set(path, openLogFile(path));
        closeSync(old);
      } catch (error) {
        failures.push({ path, error: error as Error });
      }
    }
    return failures;
  }

  /** Closes the files that no pool of the list writes to. */
  retain(pools: readonly PoolConfig[]): void {
    const wanted = new Set(pools.map((pool) => pool['access.log']));
    for (const [path, fd] of this.#fds) {
      if (wanted.has(path)) continue;
      closeSync(fd);
      this.#fds.delete(path);
    }
  }

  close(): void {
    this.retain([]);
  }
}
