/**
 * Texts of configuration files, read again only where stat(2) tells of a change: thousands of pools have a file each,
 * and a reload follows a change of one.
 *
 * A file system's clock ticks: what is written after a look, but in the same tick and with the same length, changes
 * nothing that stat(2) shows. So a text counts only if it was read a whole tick or more after its state was first seen;
 * both times are of this process's monotonic clock, whatever the clock of a file server says.
 */

import { type BigIntStats, lstatSync, readFileSync, statSync } from 'node:fs';
import { asBinary, bytesOf } from '../text/binary.ts';

/** Longer than a tick of any file system, ms: FAT's takes two seconds. */
const longestTick = 2500;

/** Methods of node:fs, and a clock in ms; replaced in tests. */
export interface TextSource {
  readonly lstat: (path: Buffer) => BigIntStats;
  readonly stat: (path: Buffer) => BigIntStats;
  readonly read: (path: Buffer) => string;
  readonly now: () => number;
}

const fileSystem: TextSource = {
  lstat: (path) => lstatSync(path, { bigint: true }),
  stat: (path) => statSync(path, { bigint: true }),
  read: (path) => readFileSync(path, 'latin1'),
  now: () => performance.now(),
};

interface Look {
  readonly state: BigIntStats;
  /** The path itself is a regular file, not a link to one. */
  readonly isPlain: boolean;
}

interface KnownText extends Look {
  readonly bytes: Buffer;
  /** When a file in this state was first seen. */
  readonly seenAt: number;
  /** It was read long enough after that. */
  readonly isSettled: boolean;
  readonly text: string;
}

export class FileTexts {
  readonly #source: TextSource;
  readonly #known = new Map<string, KnownText>();

  constructor(source: TextSource = fileSystem) {
    this.#source = source;
  }

  /**
   * The file as a binary string.
   *
   * @throws the error of node:fs
   */
  read(path: string): string {
    const known = this.#known.get(path);
    const bytes = known?.bytes ?? bytesOf(asBinary(path));
    const now = this.#source.now();
    const look = this.#look(bytes);
    const isSame = known !== undefined && look !== undefined && isSameLook(known, look);
    if (isSame && known.isSettled) return known.text;
    this.#known.delete(path);
    const text = this.#source.read(bytes);
    if (look === undefined) return text;
    const seenAt = isSame ? known.seenAt : now;
    this.#known.set(path, { ...look, bytes, seenAt, isSettled: now - seenAt >= longestTick, text });
    return text;
  }

  /** Undefined for what is no regular file; whatever is wrong with it, reading it will tell. */
  #look(path: Buffer): Look | undefined {
    try {
      const own = this.#source.lstat(path);
      if (own.isFile()) return { state: own, isPlain: true };
      const target = this.#source.stat(path);
      return target.isFile() ? { state: target, isPlain: false } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether the file that was read last at the path is there itself, not by a link. */
  isPlain(path: string): boolean {
    return this.#known.get(path)?.isPlain === true;
  }

  /** Forgets all other files. */
  retain(paths: Readonly<Record<string, unknown>>): void {
    for (const path of this.#known.keys()) if (!Object.hasOwn(paths, path)) this.#known.delete(path);
  }
}

function isSameLook(one: Look, other: Look): boolean {
  return (
    one.isPlain === other.isPlain &&
    one.state.ctimeNs === other.state.ctimeNs &&
    one.state.ino === other.state.ino &&
    one.state.size === other.state.size &&
    one.state.mtimeNs === other.state.mtimeNs &&
    one.state.dev === other.state.dev
  );
}
