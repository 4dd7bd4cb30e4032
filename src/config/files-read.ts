/** Contents of each file while a configuration is read: whether it holds nothing but whole pools. */

import type { Draft, PoolConfig } from './directives.ts';
import type { Asked, Checked, RememberedFile } from './reading-memory.ts';

interface FileRead {
  readonly path: string;
  readonly text: string;
  readonly pools: Draft<PoolConfig>[];
  readonly asked: Set<Asked>;
  /** Nothing of it belongs elsewhere, and nothing elsewhere belongs to its pools. */
  isWhole: boolean;
}

const unchecked: Checked = { rechecks: [], messages: [] };

export class FilesRead {
  readonly #finished: FileRead[] = [];
  readonly #recalled: (readonly [path: string, file: RememberedFile])[] = [];
  readonly #fileOf = new Map<PoolConfig, FileRead>();
  #current: FileRead | undefined;

  /** Begins a file. @returns what {@link close} needs to go on with the file that includes it */
  open(path: string, text: string): FileRead | undefined {
    const outer = this.#current;
    this.#current = { path, text, pools: [], asked: new Set(), isWhole: true };
    return outer;
  }

  /** @param isQuiet nothing was said about it */
  close(outer: FileRead | undefined, isQuiet: boolean): void {
    const file = this.#current;
    if (file?.isWhole === true && isQuiet) this.#finished.push(file);
    this.#current = outer;
  }

  /** A file was taken as it was remembered. */
  recalled(path: string, file: RememberedFile): void {
    this.#recalled.push([path, file]);
  }

  asked(questions: readonly Asked[]): void {
    for (const question of questions) this.#current?.asked.add(question);
  }

  /** The current file has more than whole pools. */
  mixed(): void {
    if (this.#current !== undefined) this.#current.isWhole = false;
  }

  /** A section of the current file makes a pool. */
  made(pool: Draft<PoolConfig>): void {
    if (this.#current === undefined) return;
    this.#current.pools.push(pool);
    this.#fileOf.set(pool, this.#current);
  }

  /** The current file says something about a pool; undefined for the global section. */
  touched(pool: Draft<PoolConfig> | undefined): void {
    const file = pool && this.#fileOf.get(pool);
    if (file === this.#current) return;
    this.mixed();
    if (file !== undefined) file.isWhole = false;
  }

  /** Files to be remembered, once all is checked. */
  remembered(checked: ReadonlyMap<PoolConfig, Checked>): Map<string, RememberedFile> {
    const files = new Map(this.#recalled);
    for (const { path, text, pools, asked, isWhole } of this.#finished) {
      // The address of a status page is completed with the pool that serves it.
      if (!isWhole || pools.some((pool) => pool['pm.status_listen'] !== undefined)) continue;
      const checks = pools.map((pool) => ({ pool, ...(checked.get(pool) ?? unchecked) }));
      files.set(path, { text, asked: [...asked], pools: checks });
    }
    return files;
  }
}
