/**
 * Caches the processed binaries of the engine, beside Node's own compile cache where that is enabled
 * (NODE_COMPILE_CACHE): guarding a binary costs a tenth of a second of CPU at a host's start.
 */

import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { join } from 'node:path';

/** Sources that determine the result: a change of one invalidates the cache. */
const makers = ['binary-module', 'binary-parts', 'replaced-functions', 'stack-guard'];

/** A header line of fixed length in each file: key and length of the content. */
const headBytes = 80;

export class GuardCache {
  readonly #folder: string | undefined;

  /**
   * @param folder users who can write there can decide which code runs, as with Node's cache; undefined disables the
   *   cache.
   */
  constructor(folder: string | undefined = getCompileCacheDir()) {
    this.#folder = folder;
  }

  /**
   * The result of `make` for a file, possibly cached, in memory of its own.
   *
   * @param circumstances further input of the result.
   * @throws Error of readFileSync() for an unreadable file, and errors of `make`
   */
  get(path: string, circumstances: string, make: (bytes: Buffer) => Buffer): Buffer {
    if (this.#folder === undefined) return make(readFileSync(path));
    const key = keyOf(path, circumstances);
    const file = join(this.#folder, `guarded-${digest(path).slice(0, 32)}.bin`);
    const known = readKnown(file, key);
    if (known !== undefined) return known;
    const made = make(readFileSync(path));
    remember(file, key, made);
    return made;
  }
}

function digest(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex');
}

function keyOf(path: string, circumstances: string): string {
  const { ino, size, mtimeMs } = statSync(path);
  return digest(JSON.stringify([path, ino, size, mtimeMs, circumstances, makersDigest()]));
}

/** Digest of the sources that determine the result. A published program has it as a constant (scripts/build.ts). */
export function makersDigest(): string {
  const built = (import.meta as { hathiMakers?: string }).hathiMakers;
  if (built !== undefined) return built;
  const sources = makers.map((name) => readFileSync(join(import.meta.dirname, `${name}.ts`)));
  return digest(Buffer.concat(sources));
}

function headOf(key: string, length: number): Buffer {
  return Buffer.from(`${key} ${length}`.padEnd(headBytes - 1).concat('\n'));
}

function readKnown(file: string, key: string): Buffer | undefined {
  try {
    const bytes = readFileSync(file);
    const content = bytes.subarray(headBytes);
    return bytes.subarray(0, headBytes).equals(headOf(key, content.length)) ? content : undefined;
  } catch {
    return undefined;
  }
}

/** An unwritable folder only costs time at the next start. */
function remember(file: string, key: string, content: Buffer): void {
  const fresh = `${file}.${process.pid}`;
  try {
    writeFileSync(fresh, headOf(key, content.length), { mode: 0o600 });
    writeFileSync(fresh, content, { flag: 'a' });
    renameSync(fresh, file);
  } catch {
    rmSync(fresh, { force: true });
  }
}
