/** The real environment of a configuration: files, users, environment variables. */

import { closeSync, lstatSync, readdirSync, statSync } from 'node:fs';
import type { ConfigSystem, SystemFailure, UserEntry } from '../config/system.ts';
import { versionConstant } from '../engine/choice/version-constants.ts';
import { compileAccessFormat } from '../log/access-format.ts';
import { openLogFile } from '../log/open-file.ts';
import { errorNumber } from '../posix/libc.ts';
import { ForeignFileError } from '../posix/trusted-path.ts';
import { groupsOfUser, lookupGroup, lookupUser } from '../posix/users.ts';
import { decodeText, encodeText } from './binary-text.ts';
import { FileTexts } from './file-texts.ts';

export interface ConfigSystemOptions {
  readonly allowRoot: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Values of `-d` and the php.ini files, for `${name}`. */
  readonly ini: ReadonlyMap<string, string>;
  /** Texts of an earlier reading. */
  readonly texts?: FileTexts | undefined;
}

export function configSystem(options: ConfigSystemOptions): ConfigSystem {
  const texts = options.texts ?? new FileTexts();
  return {
    platform: process.platform,
    isRoot: process.geteuid?.() === 0,
    allowRoot: options.allowRoot,
    readFile: (path) => attempt(() => texts.read(path)),
    readDirectory: (path) => attempt(() => readdirSync(bytes(path), 'latin1')),
    exists: (path) => lstatSync(bytes(path), { throwIfNoEntry: false }) !== undefined,
    isDirectory,
    openForAppend: (path, user) => {
      const owner = user === undefined ? undefined : userEntry(user)?.uid;
      const fd = attempt(() => openLogFile(decodeText(path), owner === undefined ? [] : [owner]));
      if (typeof fd !== 'number') return fd;
      closeSync(fd);
      return undefined;
    },
    lookupUser: userEntry,
    lookupGroup,
    environment: (name) => {
      const value = options.env[decodeText(name)];
      return value === undefined ? undefined : encodeText(value);
    },
    iniValue: (name) => options.ini.get(name),
    constant: (name) => versionConstant(name),
    checkAccessFormat: (format) => {
      const compiled = compileAccessFormat(format);
      return compiled.ok ? undefined : compiled.warnings;
    },
  };
}

function userEntry(name: string): UserEntry | undefined {
  const user = lookupUser(name);
  return user === undefined ? undefined : { ...user, groups: groupsOfUser(user.name, user.gid) };
}

function isDirectory(path: string): boolean {
  try {
    return statSync(bytes(path)).isDirectory();
  } catch {
    return false;
  }
}

/** A path of the configuration room, which is a binary string. */
function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/** The result of a call, or number and text of its failure. */
function attempt<T>(call: () => T): T | SystemFailure {
  try {
    return call();
  } catch (error) {
    const failure = errorNumber(error);
    const isForeign = error instanceof ForeignFileError;
    if (failure !== undefined) return { errno: failure.errno, message: failure.strerror, isForeign };
    if (isForeign) return { errno: 0, message: error.message, isForeign };
    throw error;
  }
}
