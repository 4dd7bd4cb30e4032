/**
 * The files of a configuration as they were read: recorded while it is read from the file system, and replayed for a
 * rollback.
 */

import { type ConfigSystem, failed, type SystemFailure } from '../config/system.ts';

/** All texts are binary strings, as in the configuration room. */
export interface ReadFiles {
  /** Content by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Names in the folders that `include` patterns searched. */
  readonly folders: Readonly<Record<string, readonly string[]>>;
  /** Missing paths of `include`. */
  readonly missing: readonly string[];
}

const missingFile: SystemFailure = { errno: 2, message: 'No such file or directory' };

/** The same system, recording all reads. */
export function recordFiles(system: ConfigSystem): {
  readonly system: ConfigSystem;
  readonly taken: () => ReadFiles;
} {
  const files: Record<string, string> = Object.create(null);
  const folders: Record<string, readonly string[]> = Object.create(null);
  const missing = new Set<string>();
  const recording: ConfigSystem = {
    ...system,
    readFile: (path) => {
      const text = system.readFile(path);
      if (!failed(text)) files[path] = text;
      return text;
    },
    readDirectory: (path) => {
      const names = system.readDirectory(path);
      if (!failed(names)) folders[path] = names;
      return names;
    },
    exists: (path) => {
      const exists = system.exists(path);
      if (!exists) missing.add(path);
      return exists;
    },
  };
  return { system: recording, taken: () => ({ files, folders, missing: [...missing] }) };
}

/** The same system with the recorded files. Everything else is current. */
export function replayFiles(system: ConfigSystem, { files, folders, missing }: ReadFiles): ConfigSystem {
  const isKept = (path: string): boolean => Object.hasOwn(files, path);
  return {
    ...system,
    // A folder is no file of the configuration.
    readFile: (path) => files[path] ?? (system.isDirectory(path) ? system.readFile(path) : missingFile),
    readDirectory: (path) => folders[path] ?? system.readDirectory(path),
    exists: (path) => isKept(path) || (!missing.includes(path) && system.exists(path)),
    isDirectory: (path) => !isKept(path) && system.isDirectory(path),
  };
}
