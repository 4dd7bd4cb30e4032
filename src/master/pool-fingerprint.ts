/** Detects by a fingerprint whether a reload changes a pool. */

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { PreparedPool } from '../generation/prepared-pool.ts';
import { lookedUp } from '../runtime/one-look.ts';

/**
 * A digest of everything that makes a pool: its directives (the master uses some itself), the settings of its hosts,
 * php.ini files, engine and PHP. Files count by identity and times (stat(2)), so a rewritten file counts as changed.
 *
 * The socket is excluded: the listener itself tells about it.
 */
export function poolFingerprint({
  config,
  settings,
  command,
}: Pick<PreparedPool, 'config' | 'settings' | 'command'>): string {
  // Their place in the files makes no difference.
  const { file: _, line: __, places: ___, ...directives } = config;
  const [iniFiles, own] = [settings.filter(isIniFile), settings.filter((setting) => !isIniFile(setting))];
  const { engine, file, args, parts } = command;
  const script = config['worker.script'];
  // In worker mode its code is loaded once.
  const scripts =
    script === undefined ? [] : [config.chroot === undefined ? script : `${config.chroot}${script}`];
  const files = filesState([...parts, ...iniFiles.map(([, path]) => path), ...scripts]);
  const facts = [directives, own, engine, file, args, files];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

function isIniFile([name]: readonly [name: string, value: string]): boolean {
  return name === 'php.ini';
}

/** Identity and times of files, as one text: it changes when a file is modified or replaced. */
export function filesState(paths: readonly string[]): string {
  // Thousands of pools share the same dozens of files.
  return lookedUp(JSON.stringify(['files', ...paths]), () => JSON.stringify(paths.map(fileState)));
}

function fileState(path: string): string {
  return lookedUp(JSON.stringify(['file', path]), () => lookAtFile(path));
}

function lookAtFile(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [path, dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return `${path} ${(error as NodeJS.ErrnoException).code}`;
  }
}
