/** What pools count, written down for the next master: at the end of a turn, so that what changes together is written once. */

import { readFileSync } from 'node:fs';
import type { SavedPool } from '../generation/survival.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { SurvivalFolder } from './survival-folder.ts';

export interface SavedCountsOptions {
  readonly folder: SurvivalFolder;
  readonly log: ErrorLog;
  /** Tells why they cannot be written. */
  readonly tell: (text: string) => void;
}

export class SavedCounts {
  readonly #options: SavedCountsOptions;
  /** Changed in this turn. */
  readonly #changed = new Map<string, () => SavedPool>();

  constructor(options: SavedCountsOptions) {
    this.#options = options;
  }

  /** Workers that end together are counted together. */
  changed(pool: string, read: () => SavedPool): void {
    if (!this.#options.folder.isOpen) return;
    if (this.#changed.size === 0) setImmediate(() => this.write());
    this.#changed.set(pool, read);
  }

  /** What has changed, now. */
  write(): void {
    const { folder, tell } = this.#options;
    try {
      for (const [pool, read] of this.#changed)
        folder.replace(folder.countersOf(pool), JSON.stringify(read()));
    } catch (error) {
      tell(`counts are not kept for the next master: ${(error as Error).message}`);
    }
    this.#changed.clear();
  }

  /** Those that the last master wrote. */
  read(pool: string): SavedPool | undefined {
    const { folder, log } = this.#options;
    try {
      return JSON.parse(readFileSync(folder.countersOf(pool), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warning(`[pool ${pool}] counts begin anew: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Nobody needs what has changed. */
  clear(): void {
    this.#changed.clear();
  }
}
