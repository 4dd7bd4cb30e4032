/** Worker mode, for development: tells when files of the application change (`worker.watch`). */

import { type FSWatcher, readdirSync, watch } from 'node:fs';
import path from 'node:path';

/** An editor or a deployment changes several files at a time: they are told as one change once nothing follows. */
const quietMs = 200;
/** inotify(7) has a limit a user, of 8192 where nothing is set. */
const foldersMost = 4000;

export class ApplicationFiles {
  readonly #patterns: readonly string[];
  readonly #onChange: (file: string) => void;
  readonly #onError: (message: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param patterns absolute, as path.matchesGlob() takes them
   * @param onChange with one of the changed files
   * @param onError a folder cannot be watched; the message says which
   */
  constructor(
    patterns: readonly string[],
    onChange: (file: string) => void,
    onError: (message: string) => void,
  ) {
    this.#patterns = patterns;
    this.#onChange = onChange;
    this.#onError = onError;
    for (const folder of new Set(patterns.map(folderOf))) this.#follow(folder);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Node's own recursive watching loses changes of files that were changed before, on Linux. */
  #follow(folder: string): void {
    if (this.#watchers.has(folder)) return;
    if (this.#watchers.size === foldersMost)
      return this.#onError(`worker.watch has more than ${foldersMost} folders: not all are watched`);
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        if (name !== null) this.#happened(path.join(folder, name), event);
      });
      watcher.on('error', () => this.#leave(folder));
      this.#watchers.set(folder, watcher);
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) this.#follow(path.join(folder, entry.name));
      }
    } catch (error) {
      this.#leave(folder);
      this.#onError(`cannot watch "${folder}" (worker.watch): ${(error as Error).message}`);
    }
  }

  #leave(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #happened(file: string, event: string): void {
    if (event === 'rename') this.#followNew(file);
    if (!this.#patterns.some((pattern) => path.matchesGlob(file, pattern))) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onChange(file), quietMs);
    this.#timer.unref();
  }

  /** A name came or went: it may be a folder, whose files are followed as well. */
  #followNew(file: string): void {
    this.#leave(file);
    const folder = path.dirname(file);
    try {
      const entries = readdirSync(folder, { withFileTypes: true });
      if (entries.some((entry) => entry.isDirectory() && path.join(folder, entry.name) === file))
        this.#follow(file);
    } catch {
      // The folder itself is gone, which its own watcher tells.
    }
  }
}

/** The folder that all files of a pattern are in. */
export function folderOf(pattern: string): string {
  const parts = pattern.split('/');
  const first = parts.findIndex((part) => /[*?[\]{}!()]/.test(part));
  return parts.slice(0, first === -1 ? -1 : first).join('/') || '/';
}
