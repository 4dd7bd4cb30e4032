/**
 * Document roots. They belong to the pools' users, who may change them at any time: folders are walked by descriptor,
 * no link is followed below the root, files are read up to a limit, and nothing is run.
 */

import { closeSync, lstatSync, opendirSync, realpathSync, type Stats } from 'node:fs';
import { resolve } from 'node:path';
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
const callsPhpinfo = /(?<!function\s|->|::|\w)phpinfo\s*\(/i;
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
  const { scripts, isWhole, phpinfo, code, changedAt } = walk;
  return { path, isLink: real !== resolve(path), scripts, isWhole, phpinfo, code, changedAt };
}

class Walk {
  scripts = 0;
  isWhole = true;
  changedAt = 0;
  readonly phpinfo: string[] = [];
  readonly code: FileAccess[] = [];
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
      if (this.scripts > before) this.code.push(accessOf(path, lstatSync(`${self}/.`)));
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
    else if (stat.isFile() && scriptName.test(path)) this.#script(place, path, stat);
  }

  #enter(place: string, path: string, depth: number): void {
    const fd = depth > this.#limits.depth ? undefined : openFolder(place);
    if (fd === undefined) this.isWhole = false;
    else this.folder(fd, path, depth);
  }

  #script(place: string, path: string, stat: Stats): void {
    this.scripts++;
    this.changedAt = Math.max(this.changedAt, stat.mtimeMs);
    this.code.push(accessOf(path, stat));
    if (stat.size > phpinfoBytes) return;
    const text = readCarefully(place, { limit: phpinfoBytes })?.toString('latin1') ?? '';
    if (callsPhpinfo.test(text)) this.phpinfo.push(path);
  }
}

function accessOf(path: string, { uid, gid, mode }: Stats): FileAccess {
  return { path, uid, gid, mode: mode & 0o7777 };
}
