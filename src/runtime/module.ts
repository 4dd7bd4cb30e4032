/**
 * Files of this program at run time: the same code runs as TypeScript in a checkout, and as a few JavaScript files with
 * many modules each when published (scripts/build.ts).
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

const isCheckout = import.meta.filename.endsWith('.ts');

let root: string | undefined;

/**
 * Absolute path of a file or folder of the package.
 *
 * @param name relative to the package, `native`
 */
export function packageFile(name: string): string {
  root ??= folderAbove(import.meta.dirname, 'package.json');
  return join(root, name);
}

/**
 * Path of a module that starts on its own (a process, a thread), so that no import names it.
 *
 * @param name relative to the sources, without extension: `engine/embedded/host/host`
 */
export function programModule(name: string): string {
  return packageFile(isCheckout ? `src/${name}.ts` : `dist/${name}.js`);
}

function folderAbove(start: string, name: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return folder;
    if (folder === dirname(folder)) throw new Error(`cannot find ${name} above "${start}": reinstall Hathi`);
  }
}

/** Hathi's own version, from package.json. */
export function ownVersion(): string {
  return ownPackage().version;
}

/**
 * Identifies the program on disk: an installation changes it, of another version or of the same one again.
 *
 * @param script the one that Node runs
 * @returns undefined while parts of it are missing, as in the middle of an installation
 */
export function programOnDisk(script: string): string | undefined {
  try {
    const { dev, ino, size, mtimeMs } = statSync(script);
    return [ownVersion(), dev, ino, size, mtimeMs].join(' ');
  } catch {
    return undefined;
  }
}

/** Release of the embedded engine's packages that this program supports. */
export function enginePackageVersion(): string {
  const [version = 'latest'] = Object.values(ownPackage().optionalDependencies);
  return version;
}

interface OwnPackage {
  readonly version: string;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

function ownPackage(): OwnPackage {
  return JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as OwnPackage;
}
