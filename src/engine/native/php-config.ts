/** A PHP to build the native engine for: facts from its php-config and headers, and remedies when they are missing. */

import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** The native engine cannot be built or used; the message has the remedy. */
export class NativeEngineError extends Error {
  readonly code = 'HATHI_NATIVE_ENGINE';
}

/** The facts about a PHP that a build needs. */
export interface PhpInstallation {
  /** `8.2.36` */
  readonly version: string;
  /** ZEND_MODULE_API_NO, which identifies the interface that a compiled module depends on. */
  readonly api: string;
  /** `-I` flags. */
  readonly includes: readonly string[];
  /** The program that hosts the engine. */
  readonly binary: string;
  /** Where PHP is installed, `/usr`. */
  readonly prefix: string;
  /** Folder of php.ini, and the scan folder, of this PHP's PHP-FPM; empty if unset. */
  readonly iniFolder: string;
  readonly scanFolder: string;
}

/** Runs php-config, or PHP itself; undefined when the program is missing. Replaced in tests. */
export type RunPhpConfig = (command: string, option: string) => string | undefined;

const runPhpConfig: RunPhpConfig = (command, option) => {
  try {
    return execFileSync(command, [option], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new NativeEngineError(`Cannot run "${command} ${option}": ${(error as Error).message}`, {
      cause: error,
    });
  }
};

/** Program names in distributions, the plain one first: it is the operator's own choice. */
const usualNames: readonly string[] = [
  'php-config',
  ...['8.6', '8.5', '8.4', '8.3', '8.2', '8.1'].flatMap((version) => [
    `php-config${version}`,
    `php-config${version.replace('.', '')}`,
  ]),
];

/**
 * Queries a php-config about its PHP.
 *
 * @param given the program, or undefined for the first existing one of the usual names
 * @throws NativeEngineError naming the missing package, or why this PHP is unsuitable
 */
export function readPhpConfig(given: string | undefined, run: RunPhpConfig = runPhpConfig): PhpInstallation {
  const command = given ?? usualNames.find((name) => run(name, '--version') !== undefined);
  const version = command === undefined ? undefined : run(command, '--version');
  if (command === undefined || version === undefined) {
    const what = given === undefined ? 'there is no php-config' : `there is no program "${given}"`;
    throw new NativeEngineError(`Cannot build the native engine: ${what}. ${installHint(given)}`);
  }
  if (!/^\d+\.\d+\./.test(version)) {
    throw new NativeEngineError(
      `Cannot build the native engine: "${command}" is no php-config: ${JSON.stringify(version.slice(0, 80))} is its version`,
    );
  }
  const includes = (run(command, '--includes') ?? '').split(/\s+/).filter((flag) => flag.startsWith('-I'));
  const binary = run(command, '--php-binary') ?? '';
  if (!existsSync(binary)) {
    throw new NativeEngineError(
      `Cannot build the native engine: the PHP program "${binary}" that "${command}" names is missing. ${cliHint(version)}`,
    );
  }
  const api = readHeaders(includes, version);
  if (isForeign(binary)) {
    throw new NativeEngineError(
      `Cannot build the native engine for PHP ${version}: "${binary}" is a program for another kind of processor than this Node`,
    );
  }
  checkBinary(binary, run(binary, '-nv') ?? '', { command, version });
  const iniFolder = fpmFolder(run(command, '--ini-path') ?? '');
  return {
    version,
    includes,
    binary,
    prefix: run(command, '--prefix') || '/usr',
    api,
    iniFolder,
    scanFolder: fpmFolder(run(command, '--ini-dir') ?? ''),
  };
}

/**
 * Refuses a program that does not match these headers. The trial start would fail as well, but without a reason.
 *
 * @param told first line of `php -v`: `PHP 8.2.36 (cli) (built: …) (NTS)`; debug builds have `NTS DEBUG`
 */
function checkBinary(
  binary: string,
  told: string,
  { command, version }: { command: string; version: string },
) {
  const [, own, kind] = /^PHP (\d+\.\d+\.\S+) \(.*\((ZTS|NTS)[^)]*\)$/m.exec(told) ?? [];
  const problem = `Cannot build the native engine for PHP ${version}: "${binary}"`;
  if (own === undefined) {
    throw new NativeEngineError(
      `${problem} is no PHP that runs here: ${JSON.stringify(told.slice(0, 80))} is its version`,
    );
  }
  if (branch(own) !== branch(version)) {
    throw new NativeEngineError(
      `${problem}, which "${command}" names, is PHP ${own}; take the php-config of that one, or give the right program by ` +
        "the distribution's alternatives",
    );
  }
  if (kind === 'ZTS') {
    throw new NativeEngineError(
      `${problem} is a thread-safe (ZTS) build; take the php-config of an ordinary one (NTS)`,
    );
  }
}

/** Whether a file is an ELF program for another class, byte order or machine than the running one: elf(5). */
function isForeign(path: string): boolean {
  const kind = (file: string): string => {
    const head = Buffer.alloc(20);
    const fd = openSync(file, 'r');
    try {
      readSync(fd, head, 0, head.length, 0);
    } finally {
      closeSync(fd);
    }
    const isElf = head.toString('latin1', 0, 4) === '\x7fELF';
    return isElf ? head.toString('hex', 4, 6) + head.toString('hex', 18) : '';
  };
  const own = kind(process.execPath);
  const other = kind(path);
  // A script may start PHP.
  return other !== '' && other !== own;
}

/** `8.2` of `8.2.36` */
function branch(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** php-config returns the command line's folder; Debian has one for each SAPI (`/etc/php/8.2/cli`). */
function fpmFolder(folder: string): string {
  const own = folder.replace(/\/cli(?=\/|$)/, '/fpm');
  return existsSync(own) ? own : folder;
}

/** Reads the API number; refuses unsupported builds. */
function readHeaders(includes: readonly string[], version: string): string {
  const header = (name: string): string | undefined => {
    const found = includes.map((flag) => join(flag.slice(2), name)).find((path) => existsSync(path));
    return found === undefined ? undefined : readFileSync(found, 'latin1');
  };
  const modules = header('Zend/zend_modules.h');
  const config = header('main/php_config.h');
  const api = /^#define ZEND_MODULE_API_NO (\d+)$/m.exec(modules ?? '')?.[1];
  if (api === undefined || config === undefined) {
    throw new NativeEngineError(
      `Cannot build the native engine: the headers of PHP ${version} are missing. ${installHint(version)}`,
    );
  }
  const refused = [
    ['ZTS', 'a thread-safe (ZTS) build'],
    ['ZEND_DEBUG', 'a debug build'],
  ].find(([name]) => new RegExp(`^#define ${name} 1$`, 'm').test(config));
  if (refused !== undefined) {
    throw new NativeEngineError(
      `Cannot build the native engine for PHP ${version}: it is ${refused[1]}; take the php-config of an ordinary one (NTS)`,
    );
  }
  if (Number(version.split('.')[0]) < 8 || /^8\.0\./.test(version)) {
    throw new NativeEngineError(
      `Cannot build the native engine for PHP ${version}: it needs 8.1 or newer; older ones run with engine = embedded`,
    );
  }
  return api;
}

/** Package to install, for each distribution. */
export function installHint(given: string | undefined): string {
  const version = /(\d)\.?(\d)/.exec(given ?? '');
  const dotted = version === null ? '8.2' : `${version[1]}.${version[2]}`;
  const plain = dotted.replace('.', '');
  return (
    `Install PHP's development files: "apt-get install php${dotted}-dev" (Debian, Ubuntu), ` +
    `"apk add php${plain}-dev" (Alpine), "dnf install php-devel" (Fedora)`
  );
}

function cliHint(version: string): string {
  const [major = '8', minor = '2'] = version.split('.');
  return (
    `Install PHP's command line: "apt-get install php${major}.${minor}-cli" (Debian, Ubuntu), ` +
    `"apk add php${major}${minor}" (Alpine), "dnf install php-cli" (Fedora)`
  );
}
