/**
 * The program as npm has it, in a folder: Hathi's own files, compiled, the packages that it needs to run, and Node. The
 * Debian package and the container image are made of it.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './build.ts';

/** The checkout. */
export const root = fileURLToPath(new URL('../', import.meta.url));

export interface Manifest {
  readonly version: string;
  readonly files: readonly string[];
}

/** package.json of the checkout. */
export function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
}

/** @throws Error with what the bundler or npm said */
export function placeProgram(home: string, { files }: Manifest): void {
  buildProgram(join(home, 'dist'));
  for (const name of [...files, 'package.json']) {
    if (name !== 'dist') cpSync(join(root, name), join(home, name), { recursive: true });
  }
  for (const path of productionPackages()) {
    cpSync(path, join(home, relative(root, path)), { recursive: true, dereference: true });
  }
  const node = join(home, 'node_modules/node/bin/node');
  mkdirSync(dirname(node), { recursive: true });
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
}

/** Folders of the packages that are not for development only; the embedded PHP comes by `hathi php add`. */
function productionPackages(): string[] {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--omit=optional', '--all', '--parseable'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return listed
    .split('\n')
    .filter((path) => path !== '' && path !== root.replace(/\/$/, '') && !path.includes('/@php-wasm/'));
}
