/** Reads the files of a configuration line by line, including their includes. */

import { assignArray, assignEntry } from './assign.ts';
import { phpConstant } from './constants.ts';
import {
  type Draft,
  type GlobalConfig,
  newGlobal,
  newPool,
  type Place,
  type PoolConfig,
} from './directives.ts';
import { FilesRead } from './files-read.ts';
import { glob } from './glob.ts';
import { type IniEnvironment, type IniLine, type IniStatement, parseIniLine } from './ini.ts';
import { type Messages, Refused } from './messages.ts';
import { expandPath } from './paths.ts';
import { type Asked, Outdated, type ReadingMemory, type RememberedPool } from './reading-memory.ts';
import type { Steps } from './steps.ts';
import { describeSyntaxError } from './syntax-error.ts';
import { type ConfigSystem, describeFailure, failed, type SystemFailure } from './system.ts';

/** Limit for nested files, including the main one. */
const MAX_DEPTH = 5;
/** errno of reading a folder: to PHP-FPM it is an empty file. */
const IS_A_DIRECTORY = 21;

/** A parsed line, and the names that it made the parser look up. */
interface ParsedLine {
  readonly line: IniLine;
  readonly asked: readonly Asked[];
}

/** Blank lines and comments, then a section. */
const beginsWithPool = /^(?:[ \t]*(?:;[^\n]*)?\r?\n)*\[\w/;

/** Reads the files into drafts. The current section continues after the end of an included file. */
export class Reader {
  readonly global: Draft<GlobalConfig> = newGlobal();
  readonly pools: Draft<PoolConfig>[] = [];
  /** By name in lower case. */
  readonly #byName = new Map<string, Draft<PoolConfig>>();
  readonly #system: ConfigSystem;
  readonly #messages: Messages;
  readonly #prefix: string | undefined;
  readonly #environment: IniEnvironment;
  readonly #memory: ReadingMemory | undefined;
  readonly #wanted: 'all' | 'global';
  /** Parsed lines of all files by their text. */
  readonly #parsed = new Map<string, ParsedLine>();
  /** Names that the parser looked up for the current line. */
  #asked: Asked[] = [];
  /** Whether a remembered question still has its answer. */
  readonly #holds = new Map<Asked, boolean>();
  #pool: Draft<PoolConfig> | undefined;
  #depth = 0;
  readonly files = new FilesRead();
  /** Pools taken from the memory: complete already. */
  readonly recalled = new Map<PoolConfig, RememberedPool>();

  constructor(
    system: ConfigSystem,
    messages: Messages,
    prefix: string | undefined,
    memory: ReadingMemory | undefined,
    wanted: 'all' | 'global' = 'all',
  ) {
    this.#system = system;
    this.#messages = messages;
    this.#prefix = prefix;
    this.#memory = memory;
    this.#wanted = wanted;
    const ask = (kind: Asked['kind'], name: string): string | undefined => {
      const answer = this.#look(kind, name);
      this.#asked.push({ kind, name, answer });
      return answer;
    };
    this.#environment = {
      constant: (name) => ask('constant', name),
      variable: (name) => ask('variable', name),
    };
  }

  #look(kind: Asked['kind'], name: string): string | undefined {
    const system = this.#system;
    return kind === 'constant'
      ? (system.constant(name) ?? phpConstant(name))
      : (system.iniValue(name) ?? system.environment(name));
  }

  /**
   * Reads a file and its includes; refuses through the messages.
   *
   * @param isIncluded then a folder is skipped
   * @param text what was read
   * @throws Outdated if something that is remembered does not hold any more
   */
  *readFile(file: string, isIncluded = false, text = this.#system.readFile(file)): Steps<void> {
    if (file === '') this.#messages.refuse('error', 'configuration filename is empty');
    const isDirectory = failed(text) && text.errno === IS_A_DIRECTORY;
    if (isDirectory && isIncluded) return;
    if (failed(text) && !isDirectory) {
      this.#messages.refuse('error', `failed to open configuration file '${file}'${describeFailure(text)}`);
    }
    if (this.#depth >= MAX_DEPTH) {
      this.#messages.refuse('error', 'failed to include more than 5 files recursively');
    }
    if (failed(text)) return;
    const said = this.#messages.list.length;
    const outer = this.files.open(file, text);
    this.#depth++;
    for (const [index, line] of text.split('\n').entries()) {
      if (line !== '') yield* this.#readLine(line, { file, line: index + 1 });
      yield;
    }
    this.#depth--;
    this.files.close(outer, this.#messages.list.length === said);
  }

  /** @returns whether the pools of the file are those of the last reading */
  #recall(path: string, text: string): boolean {
    const file = this.#memory?.files.get(path);
    if (file === undefined || file.text !== text || this.#depth >= MAX_DEPTH) return false;
    if (!file.asked.every((asked) => this.#isTrue(asked))) return false;
    // Named elsewhere as well: the same section then has another beginning.
    for (const { pool } of file.pools) if (this.#byName.has(pool.name.toLowerCase())) return false;
    for (const remembered of file.pools) {
      // Nothing writes to it: #touch sees to that, and the checks are not run again.
      this.#add(remembered.pool as Draft<PoolConfig>);
      this.recalled.set(remembered.pool, remembered);
    }
    this.files.recalled(path, file);
    return true;
  }

  #isTrue(asked: Asked): boolean {
    const known = this.#holds.get(asked);
    if (known !== undefined) return known;
    const holds = this.#look(asked.kind, asked.name) === asked.answer;
    this.#holds.set(asked, holds);
    return holds;
  }

  /** A pool that is complete is nothing to add to. */
  #touch(pool: Draft<PoolConfig> | undefined): void {
    if (pool !== undefined && this.recalled.has(pool)) throw new Outdated(`more about the pool ${pool.name}`);
    this.files.touched(pool);
  }

  #add(pool: Draft<PoolConfig>): void {
    this.#pool = pool;
    this.pools.push(pool);
    this.#byName.set(pool.name.toLowerCase(), pool);
  }

  /** Statements before a syntax error count; the first refused one ends the line. */
  *#readLine(text: string, place: Place): Steps<void> {
    const parsed = this.#parse(text);
    let refused: unknown;
    let include: string | undefined;
    try {
      include = this.#assignAll(parsed, place);
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      refused = problem;
    }
    if (parsed.error) {
      this.#messages.addRaw(parsed.error.raw, describeSyntaxError(parsed.error, text, place));
      this.#messages.stop();
    }
    if (refused !== undefined) throw refused;
    if (include !== undefined) yield* this.#include(include, place);
  }

  /** @returns the pattern of an `include` in the line */
  #assignAll({ statements }: IniLine, place: Place): string | undefined {
    let include: string | undefined;
    for (const statement of statements) {
      if (statement.kind === 'entry' && statement.name === 'include' && statement.value !== undefined) {
        if (include !== undefined) {
          this.#messages.refuse('error', `[${place.file}:${place.line}] two includes at the same time !`);
        }
        include = statement.value;
      } else {
        this.#assign(statement, place);
      }
    }
    return include;
  }

  /** Thousands of pools have most lines in common. */
  #parse(text: string): IniLine {
    let parsed = this.#parsed.get(text);
    if (parsed === undefined) {
      this.#asked = [];
      const line = parseIniLine(`${text}\n`, this.#environment);
      parsed = { line, asked: this.#asked };
      this.#parsed.set(text, parsed);
    }
    this.files.asked(parsed.asked);
    return parsed.line;
  }

  #assign(statement: IniStatement, place: Place): void {
    if (statement.kind === 'section') {
      this.#enterSection(statement.name, place);
      return;
    }
    this.#touch(this.#pool);
    const target = {
      settings: this.#pool ?? this.global,
      pool: this.#pool,
      place,
      platform: this.#system.platform,
      messages: this.#messages,
    };
    if (statement.kind === 'entry') assignEntry(target, statement);
    else assignArray(target, statement);
  }

  #enterSection(name: string, place: Place): void {
    const lower = name.toLowerCase();
    if (lower === 'global') {
      this.#pool = undefined;
      this.#touch(undefined);
      return;
    }
    const known = this.#byName.get(lower);
    if (known !== undefined) {
      this.#touch(known);
      this.#pool = known;
      return;
    }
    const pool = newPool(name, place);
    this.#add(pool);
    this.files.made(pool);
  }

  *#include(value: string, { file, line }: Place): Steps<void> {
    this.files.mixed();
    const pattern = expandPath(value, { global: this.#prefix });
    const found = glob(pattern, this.#system);
    if ('error' in found) {
      const text = `Unable to globalize '${pattern}' (ret=${found.error}) from ${file} at line ${line}.`;
      this.#messages.refuse('error', text, ['A folder of the pattern does not exist or is not readable.']);
    }
    if (found.paths.length === 0) {
      const text = `Nothing matches the include pattern '${pattern}' from ${file} at line ${line}.`;
      this.#messages.add('warning', text);
    }
    for (const path of found.paths) {
      const text = this.#system.readFile(path);
      const isDone = !failed(text) && (this.#recall(path, text) || this.#skip(text, { file: path, line: 1 }));
      if (!isDone) yield* this.#includeFile(path, { file, line }, text);
      yield;
    }
  }

  /** Only the global section is wanted. @returns whether the file surely has nothing of it */
  #skip(text: string, place: Place): boolean {
    if (this.#wanted === 'all' || !beginsWithPool.test(text) || /global|include/i.test(text)) return false;
    this.#pool = newPool('', place);
    return true;
  }

  *#includeFile(path: string, { file, line }: Place, text: string | SystemFailure): Steps<void> {
    try {
      yield* this.readFile(path, true, text);
    } catch (problem) {
      if (problem instanceof Refused)
        this.#messages.add('error', `Unable to include ${path} from ${file} at line ${line}`);
      throw problem;
    }
  }
}
