/** A machine made of a list of files. */

import type { ConfigSystem } from '../../src/config/system.ts';

const MISSING = { message: 'No such file or directory', errno: 2 } as const;
const FOLDER = { message: 'Is a directory', errno: 21 } as const;

/** Files by path; a path that ends in a slash is an empty folder. Logs can be opened below `/tmp/`, `/log/` and `/var/`. */
export function fakeSystem(
  files: Readonly<Record<string, string>>,
  overrides: Partial<ConfigSystem> = {},
): ConfigSystem {
  const paths = Object.keys(files);
  const isDirectory = (path: string) => {
    const folder = path.endsWith('/') ? path : `${path}/`;
    return folder === '/' || paths.some((name) => name.startsWith(folder));
  };
  return {
    platform: 'linux',
    isRoot: true,
    allowRoot: false,
    isDirectory,
    exists: (path) => isDirectory(path) || Object.hasOwn(files, path),
    readFile: (path) => files[path] ?? (isDirectory(path) ? FOLDER : MISSING),
    readDirectory: (path) => {
      if (!isDirectory(path)) return MISSING;
      const folder = path.endsWith('/') ? path : `${path}/`;
      const below = paths.filter((name) => name.startsWith(folder) && name !== folder);
      return [...new Set(below.map((name) => name.slice(folder.length).split('/')[0] ?? ''))];
    },
    openForAppend: (path) => (/^\/(tmp|log|var)\//.test(path) ? undefined : MISSING),
    lookupUser: (user) => {
      if (user === 'www' || user === '33')
        return { uid: 33, gid: 33, name: 'www', home: '/var/www', groups: [33, 44] };
      return user === 'root' || user === '0'
        ? { uid: 0, gid: 0, name: 'root', home: '/root', groups: [0] }
        : undefined;
    },
    lookupGroup: (group) => (group === 'www' ? { gid: 33, name: 'www' } : undefined),
    environment: (name) => (name === 'FROM_ENV' ? 'environment' : undefined),
    iniValue: (name) => (name === 'from_ini' ? 'ini' : undefined),
    constant: (name) => (name === 'PHP_VERSION' ? '8.4.1' : undefined),
    checkAccessFormat: () => undefined,
    ...overrides,
  };
}
