/**
 * Extensions in the engine's package, as loadable files. They are found by name, so that `extension=redis` works as in
 * a native PHP; files for a native PHP cannot be loaded.
 */

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Engine } from './engine.ts';

/** Path inside the instance, in its own memory: the host's files are not mounted yet when PHP starts. */
const folder = '/internal/extensions';

/** Extensions without further requirements: intl needs a data file from another package. */
const usable = ['redis', 'memcached'];

/** The package's file for an extension. */
function fileOf(loaderPath: string, name: string): string {
  return join(dirname(loaderPath), 'extensions', name, `${name}.so`);
}

/**
 * Reads the loadable extensions of this loader's package, into memory that threads share.
 *
 * @param read returns a file in loadable form.
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

/** `redis` for any form in php.ini: `redis`, `redis.so`, `/usr/lib/php/20240924/redis.so`. */
export function extensionName(value: string): string {
  return basename(value).replace(/\.so$/, '');
}

/** Extensions in `php_value[extension]` and `php_admin_value[extension]` of a pool. */
export function wantedExtensions(values: readonly (readonly [string, string])[]): string[] {
  return values.filter(([name]) => name === 'extension').map(([, value]) => value);
}

/** The php.ini line that loads an extension in the instance. */
export function extensionLine(name: string): string {
  return `extension="${folder}/${name}.so"\n`;
}

/** Copies the files that the ini text loads into the instance; before PHP starts. */
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

/** Deletes the files once PHP has loaded them. */
export function removeExtensions(
  engine: Engine,
  files: ReadonlyMap<string, Uint8Array>,
  phpIni: string,
): void {
  for (const name of files.keys()) {
    if (phpIni.includes(extensionLine(name))) engine.fs.unlink(`${folder}/${name}.so`);
  }
}
