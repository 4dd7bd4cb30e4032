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
import { glob } from './glob.ts';
import { type IniEnvironment, type IniLine, type IniStatement, parseIniLine } from './ini.ts';
import { type Messages, Refused } from './messages.ts';
import { expandPath } from './paths.ts';
import type { Steps } from './steps.ts';
import { describeSyntaxError } from './syntax-error.ts';
import { type ConfigSystem, describeFailure, failed } from './system.ts';

/** Limit for nested files, including the main one. */
const MAX_DEPTH = 5;
/** errno of reading a folder: to PHP-FPM it is an empty file. */
const IS_A_DIRECTORY = 21;

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
  /** Parsed lines of all files by their text. */
  readonly #parsed = new Map<string, IniLine>();
  #pool: Draft<PoolConfig> | undefined;
  #depth = 0;

  constructor(system: ConfigSystem, messages: Messages, prefix: string | undefined) {
    this.#system = system;
    this.#messages = messages;
    this.#prefix = prefix;
    this.#environment = {
      constant: (name) => system.constant(name) ?? phpConstant(name),
      variable: (name) => system.iniValue(name) ?? system.environment(name),
    };
  }

  /**
   * Reads a file and its includes; refuses through the messages.
   *
   * @param isIncluded then a folder is skipped
   */
  *readFile(file: string, isIncluded = false): Steps<void> {
    if (file === '') this.#messages.refuse('error', 'configuration filename is empty');
    const text = this.#system.readFile(file);
    const isDirectory = failed(text) && text.errno === IS_A_DIRECTORY;
    if (isDirectory && isIncluded) return;
    if (failed(text) && !isDirectory) {
      this.#messages.refuse('error', `failed to open configuration file '${file}'${describeFailure(text)}`);
    }
    if (this.#depth >= MAX_DEPTH) {
      this.#messages.refuse('error', 'failed to include more than 5 files recursively');
    }
    this.#depth++;
    const lines = failed(text) ? [] : text.split('\n');
    for (const [index, line] of lines.entries()) {
      if (line !== '') yield* this.#readLine(line, { file, line: index + 1 });
      yield;
    }
    this.#depth--;
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
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    const parsed = parseIniLine(`${text}\n`, this.#environment);
    this.#parsed.set(text, parsed);
    return parsed;
  }

  #assign(statement: IniStatement, place: Place): void {
    if (statement.kind === 'section') {
      this.#enterSection(statement.name, place);
      return;
    }
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
      return;
    }
    this.#pool = this.#byName.get(lower);
    if (!this.#pool) {
      this.#pool = newPool(name, place);
      this.pools.push(this.#pool);
      this.#byName.set(lower, this.#pool);
    }
  }

  *#include(value: string, { file, line }: Place): Steps<void> {
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
    for (const path of found.paths) yield* this.#includeFile(path, { file, line });
  }

  *#includeFile(path: string, { file, line }: Place): Steps<void> {
    try {
      yield* this.readFile(path, true);
    } catch (problem) {
      if (problem instanceof Refused)
        this.#messages.add('error', `Unable to include ${path} from ${file} at line ${line}`);
      throw problem;
    }
  }
}
