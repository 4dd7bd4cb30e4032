/**
 * Document roots. They belong to the pools' users, who may change them at any time: folders are walked by descriptor,
 * no link is followed below the root, files are read up to a limit, and nothing is run.
 */

import { closeSync, lstatSync, opendirSync, realpathSync, type Stats } from 'node:fs';
import { resolve } from 'node:path';
import { accessListOf } from '../../posix/acl.ts';
import type { Docroot, FileAccess } from '../facts.ts';
import { openFolder, readCarefully } from './careful-file.ts';

export interface WalkLimits {
  /** Entries of all folders in total. */
  readonly entries: number;
  readonly depth: number;
}

const usualLimits: WalkLimits = { entries: 100_000, depth: 12 };
/** Maximum size of a script that only shows phpinfo(). */
const phpinfoBytes = 4096;
/** Longest file of settings that is read, and how many. */
const htaccessBytes = 64 * 1024;
const mostHtaccess = 1000;
const callsPhpinfo = /(?<!function\s|->|::|\w)phpinfo\s*\(/i;
/** Longest script that is read, and what is read of all scripts of a document root, bytes. */
const scriptBytes = 64 * 1024;
const allScriptBytes = 64 * 1024 ** 2;
const mostRaises = 100;
const raisesMemory = /ini_set\s*\(\s*['"]memory_limit['"]\s*,\s*['"]?(-1|\d{1,15}[KMG]?)['"]?\s*\)/gi;
const scriptName = /\.(?:php\d?|phtml|phar)$/i;

/**
 * Scans a folder served by a web server; undefined when it is missing.
 *
 * @param tick called now and then, for a progress display
 */
export function readDocroot(
  path: string,
  tick: (entries: number) => void = () => {},
  limits: WalkLimits = usualLimits,
): Docroot | undefined {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return undefined;
  }
  const walk = new Walk(limits, tick);
  const root = openFolder(real);
  if (root === undefined) return undefined;
  walk.folder(root, real, 0);
  const { scripts, isWhole, phpinfo, raises, code, htaccess, changedAt } = walk;
  return {
    path,
    realPath: real,
    isLink: real !== resolve(path),
    scripts,
    isWhole,
    phpinfo,
    raises,
    code,
    htaccess,
    changedAt,
  };
}

class Walk {
  scripts = 0;
  isWhole = true;
  changedAt = 0;
  readonly phpinfo: string[] = [];
  readonly raises: { readonly path: string; readonly limit: string }[] = [];
  #readBytes = 0;
  readonly code: FileAccess[] = [];
  readonly htaccess: { readonly path: string; readonly text: string }[] = [];
  readonly #limits: WalkLimits;
  readonly #tick: (entries: number) => void;
  #entries = 0;

  constructor(limits: WalkLimits, tick: (entries: number) => void) {
    this.#limits = limits;
    this.#tick = tick;
  }

  /** Takes ownership of the descriptor. */
  folder(fd: number, path: string, depth: number): void {
    const self = `/proc/self/fd/${fd}`;
    const before = this.scripts;
    try {
      const folder = opendirSync(`${self}/.`);
      try {
        for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
          if (++this.#entries > this.#limits.entries) {
            this.isWhole = false;
            break;
          }
          if (this.#entries % 1000 === 0) this.#tick(this.#entries);
          this.#entry(`${self}/${entry.name}`, `${path}/${entry.name}`, depth);
        }
      } finally {
        folder.closeSync();
      }
      if (this.scripts > before) this.code.push(accessOf(path, lstatSync(`${self}/.`), `${self}/.`));
    } catch {
      // It is unreadable, or was removed meanwhile.
      this.isWhole = false;
    } finally {
      closeSync(fd);
    }
  }

  #entry(place: string, path: string, depth: number): void {
    let stat: Stats;
    try {
      stat = lstatSync(place);
    } catch {
      return;
    }
    if (stat.isDirectory()) this.#enter(place, path, depth + 1);
    else if (!stat.isFile()) return;
    else if (scriptName.test(path)) this.#script(place, path, stat);
    else if (path.endsWith('/.htaccess')) this.#settings(place, path);
  }

  #enter(place: string, path: string, depth: number): void {
    const fd = depth > this.#limits.depth ? undefined : openFolder(place);
    if (fd === undefined) this.isWhole = false;
    else this.folder(fd, path, depth);
  }

  #settings(place: string, path: string): void {
    const bytes = readCarefully(place, { limit: htaccessBytes });
    if (bytes === undefined || this.htaccess.length >= mostHtaccess) this.isWhole = false;
    else this.htaccess.push({ path, text: bytes.toString('latin1') });
  }

  #script(place: string, path: string, stat: Stats): void {
    this.scripts++;
    this.changedAt = Math.max(this.changedAt, stat.mtimeMs);
    this.code.push(accessOf(path, stat, place));
    if (stat.size > scriptBytes) return;
    this.#readBytes += stat.size;
    if (this.#readBytes > allScriptBytes) {
      this.isWhole = false;
      return;
    }
    const text = readCarefully(place, { limit: scriptBytes })?.toString('latin1') ?? '';
    if (text.length <= phpinfoBytes && callsPhpinfo.test(text)) this.phpinfo.push(path);
    for (const [, limit = ''] of text.matchAll(raisesMemory))
      if (this.raises.length < mostRaises) this.raises.push({ path, limit });
  }
}

/**
 * Permissions of a file or folder.
 *
 * @param place where it is opened, unless that is its path
 */
export function accessOf(path: string, { uid, gid, mode }: Stats, place = path): FileAccess {
  // The group bits are the mask of a list: without them a list lets nobody write.
  const list = (mode & 0o020) === 0 ? undefined : accessListOf(place);
  return { path, uid, gid, mode: mode & 0o7777, ...(list === undefined ? {} : { list }) };
}
