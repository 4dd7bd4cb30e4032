/**
 * Remembers what was made of the engine's binaries, beside Node's own compile cache where that is switched on
 * (NODE_COMPILE_CACHE): to guard one takes a host's start a tenth of a second of CPU.
 */

import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { extname, join } from 'node:path';

/** Whoever changes one of these makes something else. */
const makers = ['binary-module', 'binary-parts', 'replaced-functions', 'stack-guard'];

/** A line in front of the content, as long in each file: what it was made of, and how long it is. */
const headBytes = 80;

export class GuardCache {
  readonly #folder: string | undefined;

  /** @param folder who can write there decides what is run, as with Node's cache; undefined: nothing is remembered. */
  constructor(folder: string | undefined = getCompileCacheDir()) {
    this.#folder = folder;
  }

  /**
   * What `make` makes of a file, or has made of it before. In memory of its own.
   *
   * @param circumstances of which the result depends, too.
   * @throws Error of readFileSync() for a file that cannot be read, and what `make` throws
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
  const sources = makers.map((name) =>
    readFileSync(join(import.meta.dirname, `${name}${extname(import.meta.filename)}`)),
  );
  return digest(JSON.stringify([path, ino, size, mtimeMs, circumstances, digest(Buffer.concat(sources))]));
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

/** A folder that cannot be written to costs time at the next start, nothing else. */
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
