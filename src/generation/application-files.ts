/** Worker mode, for development: reports changes of the application's files (`worker.watch`). */

import { type FSWatcher, readdirSync, watch } from 'node:fs';
import path from 'node:path';

/** Editors and deployments change several files at a time: they are reported as one change after a pause. */
const quietMs = 200;
/** inotify(7) has a limit per user, 8192 by default. */
const foldersMost = 4000;

export class ApplicationFiles {
  readonly #patterns: readonly string[];
  readonly #onChange: (file: string) => void;
  readonly #onError: (message: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param patterns absolute, as for path.matchesGlob()
   * @param onChange receives one of the changed files
   * @param onError a folder cannot be watched; the message names it
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

  /** On Linux, Node's own recursive watching misses later changes of a file. */
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
        const inside = path.join(folder, entry.name);
        if (entry.isDirectory() && this.#patterns.some((pattern) => reaches(pattern, inside)))
          this.#follow(inside);
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

  /** A name appeared or disappeared: a folder's files are followed as well. */
  #followNew(file: string): void {
    this.#leave(file);
    const folder = path.dirname(file);
    try {
      const entries = readdirSync(folder, { withFileTypes: true });
      const isFolder = entries.some((entry) => entry.isDirectory() && path.join(folder, entry.name) === file);
      if (isFolder && this.#patterns.some((pattern) => reaches(pattern, file))) this.#follow(file);
    } catch {
      // The folder itself is missing, which its own watcher reports.
    }
  }
}

/** Whether a pattern may match files of a folder below its own: large ones that it does not are not watched. */
function reaches(pattern: string, folder: string): boolean {
  const own = folderOf(pattern);
  const below = own === '/' ? own : `${own}/`;
  return folder.startsWith(below) && pattern.slice(below.length).includes('/');
}

/** The folder that contains all files of a pattern. */
export function folderOf(pattern: string): string {
  const parts = pattern.split('/');
  const first = parts.findIndex((part) => /[*?[\]{}!()]/.test(part));
  return parts.slice(0, first === -1 ? -1 : first).join('/') || '/';
}
