/** The php.ini files that PHP reports as read: the host's files instead of the text composed from them. */

import { dirname } from 'node:path';
import { encodeBinary } from '../../../text/binary.ts';
import type { Engine } from './engine.ts';
import { findElement } from './hash-tables.ts';
import { writeInterned } from './values.ts';

const configurationEntry = 'cfg_file_path';

/** Call it after PHP's start and before its first request. @param files paths sent by the master */
export function tellIniFiles(engine: Engine, files: readonly string[]): void {
  const main = mainFile(files);
  const scanned = main === undefined ? files : files.slice(1);
  const folders = [...new Set(scanned.map(dirname))];
  setText(engine, 'php_ini_opened_path', binary(main ?? ''));
  setText(engine, 'php_ini_scanned_path', folders.map(binary).join(':'));
  setText(
    engine,
    'php_ini_scanned_files',
    scanned.map(binary).join(',\n') + (scanned.length > 0 ? '\n' : ''),
  );
  setConfigurationEntry(engine, main);
}

/** The native host has the same rule: if the first file is beside the second, it belongs to the scan folder. */
function mainFile(files: readonly string[]): string | undefined {
  const [first, second] = files;
  if (first === undefined || second === undefined) return first;
  return dirname(first) === dirname(second) ? undefined : first;
}

function binary(path: string): string {
  return encodeBinary(path);
}

/** PHP frees these strings at its end; a null pointer means none. */
function setText(engine: Engine, symbol: string, text: string): void {
  const { memory } = engine;
  const pointer = engine.address(symbol);
  engine.function('free')(memory.word(pointer));
  memory.setWord(pointer, text === '' ? 0 : memory.allocateString(text));
}

/** The entry for get_cfg_var(). */
function setConfigurationEntry(engine: Engine, main: string | undefined): void {
  const table = engine.function('php_ini_get_configuration_hash')();
  const entry = findElement(engine, table, configurationEntry);
  if (main !== undefined) {
    if (entry !== 0) writeInterned(engine, entry, binary(main));
    return;
  }
  const key = engine.memory.allocateString(configurationEntry);
  engine.function('zend_hash_str_del')(table, key, configurationEntry.length);
  engine.function('free')(key);
}
