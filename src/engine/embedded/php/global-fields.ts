/**
 * Fields of PHP's globals that the reset between two requests of a booted application needs (request-reset.ts). They
 * have no symbols, and their offsets differ between PHP versions. So a script puts something unmistakable into each,
 * and the field is where that is found.
 */

import type { Engine } from './engine.ts';
import { elementsOf, findElement } from './hash-tables.ts';
import { hashTable, zendString, zval, zvalType } from './layout.ts';
import { kindOf, readString } from './values.ts';

/** Addresses. */
export interface GlobalFields {
  /** `EG(exception)` */
  readonly exception: number;
  /** `EG(current_execute_data)` */
  readonly currentFrame: number;
  /** `EG(user_error_handler)`, a zval. */
  readonly errorHandler: number;
  /** `EG(user_exception_handler)`, a zval. */
  readonly exceptionHandler: number;
  /** `EG(symbol_table)` */
  readonly symbolTable: number;
  /** `EG(regular_list)` */
  readonly resources: number;
  /** `CG(auto_globals)`, a pointer. */
  readonly autoGlobals: number;
  /** `BG(user_shutdown_function_names)`, a pointer. */
  readonly shutdownFunctions: number;
  /** `PG(connection_status)`, its lower byte. */
  readonly connectionStatus: number;
  /** `PG(during_request_startup)`; undefined where it cannot be told from others. */
  readonly requestStartup: number | undefined;
  /** `DATEG(timezone)`, a pointer. */
  readonly timezone: number;
  /** `PS(mod_user_names)`: addresses of zvals; empty without the session extension. */
  readonly sessionHandlers: readonly number[];
  /** Offset of the type in a `zend_resource`, which its pointer follows. */
  readonly resourceType: number;
}

/** Values that the probe writes; each is a function of PHP or a text that occurs nowhere else. */
const marks = {
  errorHandler: 'str_rot13',
  exceptionHandler: 'quotemeta',
  timezone: 'Pacific/Chatham',
  sessionHandlers: ['ucwords', 'nl2br', 'strrev', 'lcfirst', 'ucfirst', 'strtolower'],
} as const;
const shutdownFunctions = 13;
const streams = 71;

/** The script; it calls the function that calls {@link findFields}. */
export function probeSource(functionName: string): string {
  const names = marks.sessionHandlers.map((name) => `'${name}'`).join(', ');
  return `<?php
if (function_exists('session_set_save_handler')) @session_set_save_handler(${names});
set_error_handler('${marks.errorHandler}');
set_exception_handler('${marks.exceptionHandler}');
date_default_timezone_set('${marks.timezone}');
ignore_user_abort(true);
for ($n = 0; $n < ${shutdownFunctions}; $n++) register_shutdown_function('time');
for ($n = 0; $n < ${streams}; $n++) $streams[] = fopen('php://memory', 'r');
${functionName}('time', $_SERVER);`;
}

const wordBytes = 4;
/** More than any of the structures has. */
const structureBytes = 8192;
/** `IS_STRING`, `IS_RESOURCE` */
const kinds = { string: 6, resource: 9 } as const;
/** `PHP_OUTPUT_ENABLED` */
const outputEnabled = 0;

/**
 * Finds the fields; call it from a function that the probe's script calls.
 *
 * @param frame of that function
 * @param duringStartup the bytes of `core_globals` while PHP started this request
 * @throws Error when a field cannot be found in this build
 */
export function findFields(engine: Engine, frame: number, duringStartup: Buffer): GlobalFields {
  const find = new Finder(engine);
  const resources = find.table('executor_globals', 'EG(regular_list)', (table) =>
    isResourceList(engine, table),
  );
  return {
    exception: findException(engine, find),
    currentFrame: find.word('executor_globals', 'EG(current_execute_data)', (word) => word === frame),
    errorHandler: find.string('executor_globals', 'EG(user_error_handler)', marks.errorHandler),
    exceptionHandler: find.string('executor_globals', 'EG(user_exception_handler)', marks.exceptionHandler),
    symbolTable: find.table('executor_globals', 'EG(symbol_table)', (table) =>
      hasKeys(engine, table, '_GET', 'streams'),
    ),
    resources,
    autoGlobals: find.word('compiler_globals', 'CG(auto_globals)', (word) => {
      return isTable(engine, word) && hasKeys(engine, word, '_GET', '_SERVER', '_ENV');
    }),
    shutdownFunctions: find.word('basic_globals', 'BG(user_shutdown_function_names)', (word) => {
      return isTable(engine, word) && engine.memory.word(word + hashTable.elements) === shutdownFunctions;
    }),
    connectionStatus: findConnectionStatus(engine),
    requestStartup: findStartup(engine, duringStartup),
    timezone: find.word('date_globals', 'DATEG(timezone)', (word) => isText(engine, word, marks.timezone)),
    sessionHandlers: findSessionHandlers(engine, find),
    resourceType: findResourceType(engine, resources),
  };
}

/** The bytes of `core_globals`. */
export function coreGlobals(engine: Engine): Buffer {
  const start = engine.address('core_globals');
  return Buffer.from(engine.memory.bytes.subarray(start, start + coreGlobalsBytes));
}

/** Larger than the part of `core_globals` with the wanted fields. */
const coreGlobalsBytes = 2048;

/** Looks for one field that is as described, and for no second one. */
class Finder {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  word(globals: string, name: string, is: (word: number) => boolean): number {
    const { memory } = this.#engine;
    return this.#only(globals, name, (at) => is(memory.word(at)));
  }

  /** A zval with that string. */
  string(globals: string, name: string, text: string): number {
    return this.#only(globals, name, (at) => isString(this.#engine, at, text));
  }

  /** A table that is part of the structure. */
  table(globals: string, name: string, is: (table: number) => boolean): number {
    return this.#only(globals, name, (at) => isTable(this.#engine, at) && is(at));
  }

  #only(globals: string, name: string, is: (at: number) => boolean): number {
    const start = this.#engine.address(globals);
    const found: number[] = [];
    for (let at = start; at < start + structureBytes; at += wordBytes) if (is(at)) found.push(at);
    const [field] = found;
    if (field !== undefined && found.length === 1) return field;
    throw new Error(`cannot find ${name} in this PHP build: ${found.length} places may be it`);
  }
}

function findException(engine: Engine, find: Finder): number {
  const text = engine.memory.allocateString('probe');
  const exception = engine.function('zend_throw_exception')(0, text, 0n);
  engine.function('free')(text);
  const field = find.word('executor_globals', 'EG(exception)', (word) => word === exception);
  engine.function('zend_clear_exception')();
  return field;
}

/** The one byte that the client's leaving changes. The script ignores it. */
function findConnectionStatus(engine: Engine): number {
  const before = coreGlobals(engine);
  engine.function('php_handle_aborted_connection')();
  const after = coreGlobals(engine);
  engine.function('php_output_set_status')(outputEnabled);
  const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
  const [at] = changed;
  if (at === undefined || changed.length > 1) {
    throw new Error(`cannot find PG(connection_status) in this PHP build: ${changed.length} bytes may be it`);
  }
  const address = engine.address('core_globals') + at;
  engine.memory.bytes[address] = 0;
  return address;
}

/** Only for the wording of warnings, so it may be missing. */
function findStartup(engine: Engine, duringStartup: Buffer): number | undefined {
  const now = coreGlobals(engine);
  const changed = [...now.keys()].filter((at) => duringStartup[at] === 1 && now[at] === 0);
  const [at] = changed;
  return at === undefined || changed.length > 1 ? undefined : engine.address('core_globals') + at;
}

function findSessionHandlers(engine: Engine, find: Finder): number[] {
  if (!engine.has('ps_globals')) return [];
  const [first] = marks.sessionHandlers;
  const start = find.string('ps_globals', 'PS(mod_user_names)', first);
  const own = marks.sessionHandlers.map((_, index) => start + index * zval.size);
  if (!own.every((at, index) => isString(engine, at, marks.sessionHandlers[index] ?? ''))) {
    throw new Error('cannot read PS(mod_user_names) in this PHP build: its order is another');
  }
  // Behind them: create_sid, validate_sid, update_timestamp.
  return [...own, ...[0, 1, 2].map((more) => start + (own.length + more) * zval.size)];
}

function findResourceType(engine: Engine, resources: number): number {
  const stream = engine.function('php_file_le_stream')();
  const [element = 0] = elementsOf(engine, resources);
  const resource = engine.memory.word(element + zval.value);
  const found = [12, 16].find((at) => engine.memory.word(resource + at) === stream);
  if (found === undefined) throw new Error('cannot read the resources of this PHP build');
  return found;
}

function isResourceList(engine: Engine, table: number): boolean {
  if (engine.memory.word(table + hashTable.elements) < streams) return false;
  return elementsOf(engine, table).every((element) => kindOf(engine, element) === kinds.resource);
}

function hasKeys(engine: Engine, table: number, ...keys: readonly string[]): boolean {
  return keys.every((key) => findElement(engine, table, key) !== 0);
}

/** Strict enough for any word of the structures to be tried. */
function isTable(engine: Engine, address: number): boolean {
  const { memory } = engine;
  if (address < 1024 || address % 8 !== 0 || address + hashTable.size > memory.byteLength) return false;
  const elements = memory.word(address + hashTable.elements);
  const used = memory.word(address + hashTable.used);
  const size = memory.word(address + hashTable.tableSize);
  const mask = memory.word(address + hashTable.mask);
  const data = memory.word(address + hashTable.data);
  const isMask = mask === (-2 * size) >>> 0 || mask === packedMask;
  return (
    elements > 0 && elements <= used && used <= size && isMask && data > 1024 && data < memory.byteLength
  );
}

/** `HT_MIN_MASK`: a list. */
const packedMask = 0xfffffffe;

function isString(engine: Engine, address: number, text: string): boolean {
  const { memory } = engine;
  if (kindOf(engine, address) !== kinds.string || memory.word(address + zval.type) >>> 16 !== 0) return false;
  const string = memory.word(address + zval.value);
  if (string < 1024 || string + text.length + 64 > memory.byteLength) return false;
  return memory.word(string + zendString.length) === text.length && readString(engine, address) === text;
}

function isText({ memory }: Engine, address: number, text: string): boolean {
  return (
    address > 1024 &&
    address + text.length < memory.byteLength &&
    memory.slice(address, text.length + 1) === `${text}\0`
  );
}

/** A zval without a value. */
export function setUndefined({ memory }: Engine, address: number): void {
  memory.setWord(address + zval.type, zvalType.undefined);
}
