/** `.user.ini` files, one per directory, as PHP-FPM reads them. */

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Engine } from './engine.ts';
import type { IniEntries } from './ini-entries.ts';
import { hashTable } from './layout.ts';

interface Parsed {
  /** Address of a HashTable with the entries of all files from the document root down. */
  readonly table: number;
  /** Status of the files, to parse them again only after a change. */
  readonly fingerprint: string;
  checkedAt: number;
}

/** Entries that fit before the table grows. */
const initialEntries = 8;

export class UserIni {
  readonly #engine: Engine;
  readonly #entries: IniEntries;
  readonly #parsed = new Map<string, Parsed>();

  constructor(engine: Engine, entries: IniEntries) {
    this.#engine = engine;
    this.#entries = entries;
  }

  /** Forgets tables in restored memory. */
  reset(): void {
    this.#parsed.clear();
  }

  /**
   * Applies the files to the request about to start. Without a document root none are read; for a script outside of it
   * only those in the script's own folder are.
   */
  activate(script: string, documentRoot: string | undefined): void {
    const file = this.#entries.value('user_ini.filename') ?? '';
    if (documentRoot === undefined || documentRoot === '' || file === '') return;
    const folder = dirname(script);
    const key = `${documentRoot}\0${folder}`;
    const ttl = Number(this.#entries.value('user_ini.cache_ttl') ?? 300) * 1000;
    const now = Date.now();
    let parsed = this.#parsed.get(key);
    if (parsed === undefined || now - parsed.checkedAt >= ttl) {
      parsed = this.#refresh(parsed, folders(folder, documentRoot), file);
      parsed.checkedAt = now;
      this.#parsed.set(key, parsed);
    }
    if (parsed.table !== 0) this.#entries.activateTable(parsed.table);
  }

  #refresh(before: Parsed | undefined, paths: readonly string[], file: string): Parsed {
    const stats = paths.map((path) => statSync(`${path}/${file}`, { throwIfNoEntry: false }));
    const fingerprint = stats
      .map((stat) => (stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : '-'))
      .join(',');
    if (before?.fingerprint === fingerprint) return before;
    const present = paths.filter((_path, index) => stats[index]?.isFile());
    return { table: present.length === 0 ? 0 : this.#parse(present, file), fingerprint, checkedAt: 0 };
  }

  #parse(paths: readonly string[], file: string): number {
    const { memory } = this.#engine;
    const table = memory.allocate(hashTable.size);
    this.#engine.function('_zend_hash_init')(table, initialEntries, 0, 1);
    const parse = this.#engine.function('php_parse_user_ini_file');
    const name = memory.allocateString(file);
    for (const path of paths) {
      const folder = memory.allocateString(path);
      // PHP before 8.0 also takes the length of the folder's name.
      if (parse.length === 4) parse(folder, path.length, name, table);
      else parse(folder, name, table);
      this.#engine.function('free')(folder);
    }
    this.#engine.function('free')(name);
    return table;
  }
}

/** The folders whose files apply, outermost first. */
function folders(folder: string, documentRoot: string): string[] {
  const root = documentRoot.replace(/\/+$/, '');
  if (folder !== root && !folder.startsWith(`${root}/`)) return [folder];
  const found = [root === '' ? '/' : root];
  let at = root.length;
  while (at >= 0 && at < folder.length) {
    const next = folder.indexOf('/', at + 1);
    found.push(next < 0 ? folder : folder.slice(0, next));
    at = next;
  }
  return found;
}
