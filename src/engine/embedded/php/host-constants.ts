/** PHP's constants about the machine and the installation, as in Debian's PHP-FPM. */

import type { Engine } from './engine.ts';
import { moduleEntry } from './layout.ts';
import { withPermanentStrings, writeInterned } from './values.ts';

/** Debian PHP's default include path, besides the script's own folder. */
export const debianIncludePath = '.:/usr/share/php';

/** @param version of PHP, `8.4` */
function values(version: string): readonly (readonly [name: string, value: string])[] {
  return [
    ['PHP_OS_FAMILY', 'Linux'],
    ['DEFAULT_INCLUDE_PATH', debianIncludePath],
    ['PEAR_INSTALL_DIR', '/usr/share/php'],
    ['PHP_PREFIX', '/usr'],
    ['PHP_BINDIR', '/usr/bin'],
    ['PHP_MANDIR', '/usr/share/man'],
    ['PHP_LIBDIR', '/usr/lib/php'],
    ['PHP_DATADIR', `/usr/share/php/${version}`],
    ['PHP_SYSCONFDIR', '/etc'],
    ['PHP_LOCALSTATEDIR', '/var'],
    ['PHP_CONFIG_FILE_PATH', `/etc/php/${version}/fpm`],
    ['PHP_CONFIG_FILE_SCAN_DIR', `/etc/php/${version}/fpm/conf.d`],
  ];
}

/** Call it after PHP's start and before its first request. */
export function setHostConstants(engine: Engine, version: string): void {
  for (const [name, value] of values(version)) {
    const constant = findConstant(engine, name);
    if (constant !== 0) writeInterned(engine, constant, value);
  }
}

function findConstant(engine: Engine, name: string): number {
  const text = engine.memory.allocateString(name);
  const found = engine.function('zend_get_constant_str')(text, name.length);
  engine.function('free')(text);
  return found;
}

/** Flags of a permanent constant: different since 8.0. */
function persistent(version: string): number {
  return Number(version) < 8 ? 3 : 1;
}

/** Adds a constant to PHP's module `standard`, between PHP's start and its first request. */
export function registerLong(engine: Engine, version: string, name: string, value: number): void {
  const { memory } = engine;
  const module = memory.word(engine.address('basic_functions_module') + moduleEntry.number);
  const text = memory.allocateString(name);
  withPermanentStrings(engine, () =>
    engine.function('zend_register_long_constant')(
      text,
      name.length,
      BigInt(value),
      persistent(version),
      module,
    ),
  );
  engine.function('free')(text);
}

/** Sets additional bits in a constant. */
export function addLongToConstant(engine: Engine, name: string, bits: number): void {
  const constant = findConstant(engine, name);
  if (constant === 0) throw new Error(`cannot find the constant ${name} in this PHP build`);
  engine.memory.setWord(constant, engine.memory.word(constant) | bits);
}
