/** PHP-FPM's own module, `cgi-fcgi`, which this build lacks: functions, ini entries, its part of phpinfo(). */

import type { Engine } from './engine.ts';
import { type FunctionHost, writeFunctionTable } from './functions.ts';
import { iniMode } from './ini-entries.ts';
import { iniEntryDefinition as definition, moduleEntry } from './layout.ts';
import { withPermanentStrings } from './values.ts';

const name = 'cgi-fcgi';

interface Entry {
  readonly name: string;
  /** null is PHP's "no value". */
  readonly value: string | null;
  /** Displayed as On and Off. */
  readonly isFlag: boolean;
  readonly mode: number;
}

const flag = (name: string, value: '0' | '1', mode: number = iniMode.system): Entry => ({
  name,
  value,
  isFlag: true,
  mode,
});
const text = (name: string): Entry => ({ name, value: null, isFlag: false, mode: iniMode.system });
const everywhere = iniMode.user | iniMode.perDirectory | iniMode.system;

/** The settings of PHP-FPM's SAPI. The host applies them; as in PHP-FPM, `unused` ones have no effect. */
function entriesOf(version: string): Entry[] {
  const unused = [flag('cgi.force_redirect', '1'), text('cgi.redirect_status_env')];
  return [
    flag('cgi.rfc2616_headers', '0', everywhere),
    flag('cgi.nph', '0', everywhere),
    ...(Number(version) >= 8.5 ? [flag('fastcgi.script_path_encoded', '1')] : unused),
    flag('cgi.fix_pathinfo', '1'),
    flag('cgi.discard_path', '0'),
    flag('fastcgi.logging', '1'),
    text('fastcgi.error_header'),
    text('fpm.config'),
  ];
}

/**
 * Registers the module. Call it after PHP's start and before its first request.
 *
 * @throws Error when this build's modules have another layout
 */
export function registerFpmModule(engine: Engine, version: string, host: FunctionHost): void {
  const { memory } = engine;
  const module = copyOfModule(engine);
  for (const field of [...moduleEntry.callbacks, moduleEntry.started, moduleEntry.handle]) {
    memory.setWord(module + field, 0);
  }
  memory.setWord(module + moduleEntry.name, memory.allocateString(name));
  memory.setWord(module + moduleEntry.functions, writeFunctionTable(engine, version, host));
  memory.setWord(module + moduleEntry.info, infoFunction(engine, module));
  const definitions = writeDefinitions(engine, entriesOf(version));
  withPermanentStrings(engine, () => {
    engine.function('zend_register_internal_module')(module);
    engine.function('zend_register_ini_entries')(definitions, memory.word(module + moduleEntry.number));
  });
  memory.setWord(module + moduleEntry.started, 1);
}

/** A small module of PHP provides the fields that are the same for all: sizes, API and build numbers, version. */
function copyOfModule(engine: Engine): number {
  const { memory } = engine;
  const model = engine.address('ctype_module_entry');
  if (memory.string(memory.word(model + moduleEntry.name)) !== 'ctype') {
    throw new Error('cannot read the modules of this PHP build');
  }
  const copy = memory.allocate(moduleEntry.bytes);
  memory.bytes.copyWithin(copy, model, model + moduleEntry.bytes);
  return copy;
}

/** Output callbacks of the script may wait, so every step may suspend. */
function infoFunction(engine: Engine, module: number): number {
  const { memory } = engine;
  const startTable = engine.suspendable('php_info_print_table_start');
  const printRow = engine.suspendable('php_info_print_table_row');
  const endTable = engine.suspendable('php_info_print_table_end');
  const printEntries = engine.suspendable('display_ini_entries');
  const columns = memory.allocate(8);
  memory.setWord(columns, memory.allocateString('php-fpm'));
  memory.setWord(columns + 4, memory.allocateString('active'));
  const print = new WebAssembly.Suspending(async () => {
    await startTable();
    await printRow(2, columns);
    await endTable();
    await printEntries(module);
  });
  return engine.pointer('vi', print);
}

/** Writes a table of `zend_ini_entry_def` with a final empty one. */
function writeDefinitions(engine: Engine, entries: readonly Entry[]): number {
  const { memory } = engine;
  const bytes = definition.bytes * (entries.length + 1);
  const table = memory.allocate(bytes);
  memory.bytes.fill(0, table, table + bytes);
  const showFlag = engine.pointer('vii', engine.function('zend_ini_boolean_displayer_cb'));
  for (const [index, { name, value, isFlag, mode }] of entries.entries()) {
    const at = table + index * definition.bytes;
    memory.setWord(at + definition.name, memory.allocateString(name));
    memory.bytes.writeUInt16LE(name.length, at + definition.nameLength);
    memory.bytes[at + definition.modifiable] = mode;
    if (isFlag) memory.setWord(at + definition.displayer, showFlag);
    if (value === null) continue;
    memory.setWord(at + definition.value, memory.allocateString(value));
    memory.setWord(at + definition.valueLength, value.length);
  }
  return table;
}
