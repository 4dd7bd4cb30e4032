/**
 * The configurations that were in force, in a folder of the master's user: what was read, who put it in force, when and
 * why. A rollback reads one of them again.
 */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptConfiguration } from '../figures/answers.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { ConfigurationKeeper, ReloadCause } from '../master/master-types.ts';
import { isOurUser } from '../posix/trusted-path.ts';
import type { ReadFiles } from './read-files.ts';

/** As many are kept. */
const mostKept = 20;
/** Bytes of one and of all together: more than thousands of pools have. */
const longestOne = 8 * 1024 * 1024;
const longestAll = 64 * 1024 * 1024;
const fileName = /^([1-9]\d{0,8})\.json$/;

interface KeptFile extends KeptConfiguration {
  readonly read: ReadFiles;
}

export class ConfigurationArchive implements ConfigurationKeeper {
  readonly #folder: string | undefined;
  readonly #log: ErrorLog;
  /** What was read last; in force once the master says so. */
  #read: ReadFiles | undefined;
  #inForce: KeptConfiguration | undefined;
  /** The latest first. Read at its first use. */
  #entries: KeptConfiguration[] | undefined;

  /** @param folder undefined where this user has no runtime folder: nothing is kept then */
  constructor(folder: string | undefined, log: ErrorLog) {
    this.#folder = folder;
    this.#log = log;
  }

  /** What has just been read. */
  took(read: ReadFiles): void {
    this.#read = read;
  }

  get inForce(): KeptConfiguration | undefined {
    return this.#inForce;
  }

  list(): readonly KeptConfiguration[] {
    this.#entries ??= this.#look();
    return this.#entries;
  }

  /**
   * Keeps what was read last. The same files again are one configuration. Never throws: a disk that is full must not
   * keep a configuration from being in force.
   */
  keep(cause: ReloadCause): void {
    const read = this.#read;
    if (this.#folder === undefined || read === undefined) return;
    try {
      const [latest] = this.list();
      const isSame =
        cause.kept === undefined &&
        latest !== undefined &&
        JSON.stringify(this.#load(this.#folder, latest.id).read) === JSON.stringify(read);
      this.#inForce = isSame ? latest : this.#add(this.#folder, read, cause);
    } catch (error) {
      this.#inForce = undefined;
      this.#log.warning(`the configuration is not kept for a rollback: ${(error as Error).message}`);
    }
  }

  /**
   * The files of a kept configuration.
   *
   * @param wanted its number; undefined is the one before that in force
   * @throws Error with the reason and the remedy when there is none
   */
  find(wanted: number | undefined): { readonly id: number; readonly read: ReadFiles } {
    if (this.#folder === undefined)
      throw new Error('no configuration is kept, since there is no runtime folder: set HATHI_RUNTIME_DIR');
    const id = wanted ?? this.#before();
    if (id === undefined) throw new Error('no earlier configuration is kept');
    if (!this.list().some((entry) => entry.id === id))
      throw new Error(`configuration ${id} is not kept: "hathi rollback --list" shows those that are`);
    return { id, read: this.#load(this.#folder, id).read };
  }

  /** One that was rolled back to stands for itself: repeated rollbacks go ever further back. */
  #before(): number | undefined {
    const inForce = this.#inForce;
    if (inForce === undefined) return this.list()[0]?.id;
    const place = inForce.rollbackTo ?? inForce.id;
    return this.list().find(({ id, rollbackTo }) => id < place && rollbackTo === undefined)?.id;
  }

  #add(folder: string, read: ReadFiles, { by, why, kept }: ReloadCause): KeptConfiguration {
    const id = (this.list()[0]?.id ?? 0) + 1;
    const entry = { id, at: Date.now(), by, why, ...(kept === undefined ? {} : { rollbackTo: kept }) };
    const text = JSON.stringify({ ...entry, read } satisfies KeptFile);
    if (text.length > longestOne) throw new Error(`its files are longer than ${longestOne} bytes`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    checkFolder(folder);
    const path = join(folder, `${id}.json`);
    const fresh = `${path}.new`;
    rmSync(fresh, { force: true });
    writeFileSync(fresh, text, { flag: 'wx', mode: 0o600 });
    renameSync(fresh, path);
    this.#entries = [entry, ...this.list()];
    this.#forgetOld(folder);
    return entry;
  }

  /** The oldest go first, and never the one in force. */
  #forgetOld(folder: string): void {
    let bytes = 0;
    const kept: KeptConfiguration[] = [];
    for (const entry of this.list()) {
      const path = join(folder, `${entry.id}.json`);
      bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (kept.length < mostKept && (bytes <= longestAll || kept.length === 0)) kept.push(entry);
      else rmSync(path, { force: true });
    }
    this.#entries = kept;
  }

  #load(folder: string, id: number): KeptFile {
    return JSON.parse(readFileSync(join(folder, `${id}.json`), 'utf8'));
  }

  #look(): KeptConfiguration[] {
    const folder = this.#folder;
    if (folder === undefined || statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
    checkFolder(folder);
    const ids = readdirSync(folder).flatMap((name) => Number(fileName.exec(name)?.[1] ?? []));
    return ids
      .sort((left, right) => right - left)
      .flatMap((id) => {
        try {
          const { read: _, ...entry } = this.#load(folder, id);
          return [{ ...entry, id }];
        } catch (error) {
          this.#log.warning(`kept configuration ${id} cannot be read: ${(error as Error).message}`);
          return [];
        }
      });
  }
}

/** Whoever else may write there could put another configuration in force. @throws Error */
function checkFolder(folder: string): void {
  const { uid, mode } = statSync(folder);
  if (isOurUser(uid) && (mode & 0o077) === 0) return;
  throw new Error(`'${folder}' is open to others than the master's user: remove it, or set its mode to 0700`);
}
