/**
 * Archive of earlier configurations, in a folder of the master's user: the files, the client, the time and the reason.
 * A rollback reads one of them again.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptConfiguration } from '../figures/answers.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { ConfigurationKeeper, ReloadCause } from '../master/master-types.ts';
import { isOurUser } from '../posix/trusted-path.ts';
import type { ReadFiles } from './read-files.ts';

/** Maximum of kept configurations. */
const mostKept = 20;
/** Size limits in bytes of one configuration and of all: more than thousands of pools need. */
const longestOne = 4 * 1024 * 1024;
const longestAll = 16 * 1024 * 1024;
const fileName = /^([1-9]\d{0,8})\.json$/;

/** A file of its own, so that the list is read without the configurations. */
interface KeptEntry extends KeptConfiguration {
  /** Of the file with the configuration. */
  readonly digest: string;
}

export class ConfigurationArchive implements ConfigurationKeeper {
  readonly #folder: string | undefined;
  readonly #log: ErrorLog;
  /** The last read files; in effect once the master says so. */
  #read: ReadFiles | undefined;
  #inForce: KeptConfiguration | undefined;
  /** Latest first. Read on first use. */
  #entries: readonly KeptEntry[] | undefined;

  /** @param folder undefined where this user has no runtime folder: then nothing is kept */
  constructor(folder: string | undefined, log: ErrorLog) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Records the files just read. */
  took(read: ReadFiles): void {
    this.#read = read;
  }

  get inForce(): KeptConfiguration | undefined {
    return this.#inForce;
  }

  list(): readonly KeptConfiguration[] {
    return this.#all().map(withoutDigest);
  }

  #all(): readonly KeptEntry[] {
    this.#entries ??= this.#look();
    return this.#entries;
  }

  /**
   * Keeps the last read files. Identical files count as one configuration. Never throws: a full disk must not prevent a
   * configuration from taking effect.
   */
  keep(cause: ReloadCause): void {
    const read = this.#read;
    if (this.#folder === undefined || read === undefined) return;
    try {
      const [latest] = this.#all();
      const text = JSON.stringify(read);
      const digest = createHash('sha256').update(text).digest('hex');
      const isSame = cause.kept === undefined && latest?.digest === digest;
      this.#inForce = withoutDigest(isSame ? latest : this.#add(this.#folder, text, digest, cause));
    } catch (error) {
      this.#inForce = undefined;
      this.#log.warning(`the configuration is not kept for a rollback: ${(error as Error).message}`);
    }
  }

  /**
   * The files of a kept configuration.
   *
   * @param wanted its number; undefined means the one before the current one
   * @throws Error with reason and remedy when it is not kept
   */
  find(wanted: number | undefined): { readonly id: number; readonly read: ReadFiles } {
    if (this.#folder === undefined)
      throw new Error(
        'no configuration is kept, because the runtime folder is missing: set HATHI_RUNTIME_DIR',
      );
    const id = wanted ?? this.#before();
    if (id === undefined) throw new Error('no earlier configuration is kept');
    if (!this.list().some((entry) => entry.id === id))
      throw new Error(`configuration ${id} is not kept: "hathi rollback --list" shows those that are`);
    return { id, read: JSON.parse(readFileSync(filesOf(this.#folder, id)[0], 'utf8')) };
  }

  /** A rollback's target counts as that configuration: repeated rollbacks go further and further back. */
  #before(): number | undefined {
    const inForce = this.#inForce;
    if (inForce === undefined) return this.list()[0]?.id;
    const place = inForce.rollbackTo ?? inForce.id;
    return this.list().find(({ id, rollbackTo }) => id < place && rollbackTo === undefined)?.id;
  }

  #add(folder: string, text: string, digest: string, { by, why, kept }: ReloadCause): KeptEntry {
    const id = (this.#all()[0]?.id ?? 0) + 1;
    const rollbackTo = kept === undefined ? {} : { rollbackTo: kept };
    const entry = { id, at: Date.now(), by, why, ...rollbackTo, digest };
    if (text.length > longestOne) throw new Error(`its files are longer than ${longestOne} bytes`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    checkFolder(folder);
    const [configuration, list] = filesOf(folder, id);
    // The entry comes last: the configuration that it names is there.
    write(configuration, text);
    write(list, JSON.stringify(entry));
    this.#entries = [entry, ...this.#all()];
    this.#forgetOld(folder);
    return entry;
  }

  /** Deletes the oldest ones, but never the current one. */
  #forgetOld(folder: string): void {
    let bytes = 0;
    const kept: KeptEntry[] = [];
    for (const entry of this.#all()) {
      const files = filesOf(folder, entry.id);
      for (const file of files) bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      if (kept.length < mostKept && (bytes <= longestAll || kept.length === 0)) kept.push(entry);
      else for (const file of files) rmSync(file, { force: true });
    }
    this.#entries = kept;
  }

  #look(): KeptEntry[] {
    const folder = this.#folder;
    if (folder === undefined || statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
    checkFolder(folder);
    const ids = readdirSync(folder)
      .map((name) => Number(fileName.exec(name)?.[1] ?? 0))
      .filter((id) => id > 0);
    return ids
      .sort((left, right) => right - left)
      .flatMap((id) => {
        try {
          const entry: KeptEntry = JSON.parse(readFileSync(filesOf(folder, id)[1], 'utf8'));
          return [{ ...entry, id }];
        } catch (error) {
          this.#log.warning(`kept configuration ${id} cannot be read: ${(error as Error).message}`);
          return [];
        }
      });
  }
}

function withoutDigest({ digest: _, ...entry }: KeptEntry): KeptConfiguration {
  return entry;
}

function filesOf(folder: string, id: number): [configuration: string, entry: string] {
  return [join(folder, `${id}.files`), join(folder, `${id}.json`)];
}

/** Never half a file. */
function write(path: string, text: string): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, text, { flag: 'wx', mode: 0o600 });
  renameSync(fresh, path);
}

/** Another user with write permission could put another configuration into effect. @throws Error */
function checkFolder(folder: string): void {
  const { uid, mode } = statSync(folder);
  if (isOurUser(uid) && (mode & 0o077) === 0) return;
  throw new Error(`'${folder}' is open to others than the master's user: remove it, or set its mode to 0700`);
}
