/**
 * The folder of what outlives a master: a record and a socket of each host, figures of pools and of the master. One master
 * at a time has it, by a lock.
 */

import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { flockHolder, flockOperation, tryFlock } from '../posix/locks.ts';

/** Of the master and of pools; those of hosts go with them. */
const keptFile = /^(?:pool-[0-9a-f]+\.json|master-[a-z]+)(?:\.new)?$/;
const hostFile = /^host-([0-9a-f]{16})\.json$/;

export class SurvivalFolder {
  readonly path: string;
  /** Holds the lock. */
  #lock: number | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** This master has it. */
  get isOpen(): boolean {
    return this.#lock !== undefined;
  }

  get exists(): boolean {
    return existsSync(this.path);
  }

  /**
   * Makes and locks it; a no-op for one that is open.
   *
   * @throws Error when another master has it, or others than the master's user may change it
   */
  open(): void {
    if (this.#lock !== undefined) return;
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 });
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    checkFolder(this.path);
    const lock = openSync(this.#lockFile, 'a+', 0o600);
    if (!tryFlock(lock, flockOperation.exclusive)) {
      const holder = flockHolder(lock) ?? 'unknown';
      closeSync(lock);
      throw new Error(`another master, pid ${holder}, has '${this.path}'`);
    }
    this.#lock = lock;
  }

  /** The next master may have it, with everything in it. */
  letGo(): void {
    if (this.#lock === undefined) return;
    closeSync(this.#lock);
    this.#lock = undefined;
  }

  /** Removes it, unless somebody has something in there. */
  close(): void {
    if (this.#lock === undefined) return;
    rmSync(this.#lockFile, { force: true });
    this.letGo();
    try {
      rmdirSync(this.path);
    } catch {
      // Somebody has.
    }
  }

  /** Places of hosts that have a record. @throws Error when somebody has removed the folder */
  places(): string[] {
    return readdirSync(this.path).flatMap((name) => hostFile.exec(name)?.[1] ?? []);
  }

  /** Removes what belongs to a host. */
  remove(place: string): void {
    for (const path of [this.recordOf(place), this.socketOf(place)]) rmSync(path, { force: true });
  }

  /** Removes the files of pools and of the master. @throws Error when somebody has removed the folder */
  removeKept(): void {
    for (const name of readdirSync(this.path)) {
      if (keptFile.test(name)) rmSync(join(this.path, name), { force: true });
    }
  }

  /** Writes a file of it, never half of one. */
  replace(path: string, content: string | Buffer): void {
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** A file of the master. @param name letters of its kind */
  masterFile(name: string): string {
    return join(this.path, `master-${name}`);
  }

  recordOf(place: string): string {
    return join(this.path, `host-${place}.json`);
  }

  socketOf(place: string): string {
    return join(this.path, `${place}.sock`);
  }

  /** Names of pools may be longer than those of files. */
  countersOf(pool: string): string {
    return join(this.path, `pool-${createHash('sha256').update(pool).digest('hex').slice(0, 16)}.json`);
  }

  get #lockFile(): string {
    return join(this.path, 'lock');
  }
}

/** @throws Error when others than the master's user may change it */
function checkFolder(folder: string): void {
  const { uid, mode } = lstatSync(folder);
  if (uid === process.geteuid?.() && (mode & 0o170077) === 0o040000) return;
  throw new Error(`'${folder}' is not a folder of the master's user only: remove it`);
}
