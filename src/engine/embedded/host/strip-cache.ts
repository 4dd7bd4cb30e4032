/**
 * Strips the types of TypeScript sources, and caches the results beside Node's own compile cache where that is enabled
 * (NODE_COMPILE_CACHE). Only a checkout needs it: a published package is JavaScript.
 */

import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { getCompileCacheDir, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

export class StripCache {
  readonly #file: string | undefined;
  readonly #known: Readonly<Record<string, unknown>>;
  readonly #used: Record<string, string> = {};
  #isNew = false;

  /**
   * @param name identifies the program.
   * @param folder users who can write there can decide which code runs, as with Node's cache; undefined disables the
   *   cache.
   */
  constructor(name: string, folder: string | undefined = getCompileCacheDir()) {
    this.#file = folder === undefined ? undefined : join(folder, `stripped-${digest(name)}.json`);
    this.#known = this.#file === undefined ? {} : readEntries(this.#file);
  }

  /** Node's own result for a .ts file: the same text with blanks in place of types. */
  strip(source: string): string {
    const key = digest(source);
    const known = this.#known[key];
    const text = typeof known === 'string' ? known : stripSilently(source);
    this.#isNew ||= text !== known;
    this.#used[key] = text;
    return text;
  }

  /** Writes the used entries. An unwritable folder only costs time at the next start. */
  save(): void {
    if (this.#file === undefined || !this.#isNew) return;
    const fresh = `${this.#file}.${process.pid}`;
    try {
      writeFileSync(fresh, JSON.stringify(this.#used), { mode: 0o600 });
      renameSync(fresh, this.#file);
    } catch {
      // Full or read-only: the cache stays unchanged.
    }
  }
}

function digest(text: string): string {
  return createHash('sha256').update(process.version).update(text).digest('hex').slice(0, 32);
}

function readEntries(file: string): Readonly<Record<string, unknown>> {
  try {
    const entries: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof entries === 'object' && entries !== null ? { ...entries } : {};
  } catch {
    return {};
  }
}

/** A direct call warns that the interface may change; Node itself calls it for every .ts file without warning. */
function stripSilently(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
