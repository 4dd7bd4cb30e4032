/** The machine as a ConfigSystem, for tests that compare with the reference. */

import { closeSync, lstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { ConfigSystem, SystemFailure, UserEntry } from '../../src/config/system.ts';

/** The words of strerror(3) for what the tests run into. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
};

/** A path of a configuration as the system takes it. */
function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function attempt<T>(action: () => T): T | SystemFailure {
  try {
    return action();
  } catch (problem) {
    const { code = '', errno = 0 } = problem as NodeJS.ErrnoException;
    return { message: WORDS[code] ?? code, errno: -errno };
  }
}

function succeeds(action: () => unknown): boolean {
  try {
    return action() !== false;
  } catch {
    return false;
  }
}

/** The fields of one line of a database such as /etc/passwd, found by name or by number. */
function entry(file: string, key: string): string[] | undefined {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.map((line) => line.split(':')).find((fields) => fields[0] === key || fields[2] === key);
}

function lookupUser(user: string): UserEntry | undefined {
  const fields = entry('/etc/passwd', user);
  if (!fields) return undefined;
  const [name = '', , uid, gid, , home = ''] = fields;
  return { uid: Number(uid), gid: Number(gid), name, home, groups: [Number(gid)] };
}

export const realSystem: ConfigSystem = {
  platform: process.platform,
  isRoot: process.geteuid?.() === 0,
  allowRoot: false,
  readFile: (path) => attempt(() => readFileSync(bytes(path), 'latin1')),
  readDirectory: (path) => attempt(() => readdirSync(bytes(path), 'latin1')),
  exists: (path) => succeeds(() => lstatSync(bytes(path))),
  isDirectory: (path) => succeeds(() => statSync(bytes(path)).isDirectory()),
  openForAppend: (path) => {
    const opened = attempt(() => openSync(bytes(path), 'a', 0o600));
    if (typeof opened !== 'number') return opened;
    closeSync(opened);
    return undefined;
  },
  lookupUser,
  lookupGroup: (group) => {
    const fields = entry('/etc/group', group);
    return fields && { name: fields[0] ?? '', gid: Number(fields[2]) };
  },
  environment: (name) => process.env[name],
  iniValue: () => undefined,
  constant: () => undefined,
  // The grammar of the format is not this room's; one wrong token stands for all of them.
  checkAccessFormat: (format) =>
    format.includes('%X') ? ['Invalid token in the access.format (%X)'] : undefined,
};
