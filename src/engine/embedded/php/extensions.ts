/**
 * Extensions that the engine's package brings as loadable files. They are found by name, so that `extension=redis`
 * means the same as with a native PHP; files for a native PHP cannot be loaded.
 */

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Engine } from './engine.ts';

/** Where the instance sees them; its own memory, since the host's files are not there when PHP starts. */
const folder = '/internal/extensions';

/** Those that need nothing but themselves: intl wants a data file that comes with another package. */
const usable = ['redis', 'memcached'];

/** The package's file of an extension. */
function fileOf(loaderPath: string, name: string): string {
  return join(dirname(loaderPath), 'extensions', name, `${name}.so`);
}

/**
 * Reads the extensions that the package of this loader has and that can be loaded. Their bytes are in memory that
 * threads share.
 *
 * @param read a file, as it is to be loaded.
 */
export function readExtensions(
  loaderPath: string,
  read: (path: string) => Uint8Array,
): ReadonlyMap<string, Uint8Array> {
  const found = usable.filter((name) => existsSync(fileOf(loaderPath, name)));
  return new Map(found.map((name) => [name, shared(read(fileOf(loaderPath, name)))]));
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** `redis` for what php.ini may say: `redis`, `redis.so`, `/usr/lib/php/20240924/redis.so`. */
export function extensionName(value: string): string {
  return basename(value).replace(/\.so$/, '');
}

/** What `php_value[extension]` and `php_admin_value[extension]` of a pool name. */
export function wantedExtensions(values: readonly (readonly [string, string])[]): string[] {
  return values.filter(([name]) => name === 'extension').map(([, value]) => value);
}

/** The line of the instance's php.ini that loads it. */
export function extensionLine(name: string): string {
  return `extension="${folder}/${name}.so"\n`;
}

/** Puts the files that the ini text loads where the instance finds them; before PHP starts. */
export function installExtensions(
  engine: Engine,
  files: ReadonlyMap<string, Uint8Array>,
  phpIni: string,
): void {
  for (const [name, bytes] of files) {
    if (!phpIni.includes(extensionLine(name))) continue;
    engine.fs.mkdirTree(folder);
    engine.fs.writeFile(`${folder}/${name}.so`, bytes);
  }
}

/** Takes the files away again once PHP has loaded them. */
export function removeExtensions(
  engine: Engine,
  files: ReadonlyMap<string, Uint8Array>,
  phpIni: string,
): void {
  for (const name of files.keys()) {
    if (phpIni.includes(extensionLine(name))) engine.fs.unlink(`${folder}/${name}.so`);
  }
}
