/** A PHP to build the native engine for: what its php-config and its headers say, and what to do when they do not. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The native engine cannot be built or used; the message names the remedy. */
export class NativeEngineError extends Error {
  readonly code = 'HATHI_NATIVE_ENGINE';
}

/** What a build needs to know of a PHP. */
export interface PhpInstallation {
  /** `8.2.36` */
  readonly version: string;
  /** ZEND_MODULE_API_NO, which changes with everything that a compiled module depends on. */
  readonly api: string;
  /** `-I` flags. */
  readonly includes: readonly string[];
  /** The program that hosts the engine. */
  readonly binary: string;
  /** Where PHP is installed, `/usr`. */
  readonly prefix: string;
  /** Folder of php.ini, and the scan folder, as PHP-FPM of this PHP has them; empty where there is none. */
  readonly iniFolder: string;
  readonly scanFolder: string;
}

/** Runs php-config; undefined when there is no such program. Replaced in tests. */
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

/** Names that distributions give the program, the plain one first: it is the operator's own choice. */
const usualNames: readonly string[] = [
  'php-config',
  ...['8.5', '8.4', '8.3', '8.2', '8.1'].flatMap((version) => [
    `php-config${version}`,
    `php-config${version.replace('.', '')}`,
  ]),
];

/**
 * Asks a php-config about its PHP.
 *
 * @param given the program, or undefined for the first of the usual names that there is
 * @throws NativeEngineError naming the package that is missing, or why this PHP cannot be taken
 */
export function readPhpConfig(given: string | undefined, run: RunPhpConfig = runPhpConfig): PhpInstallation {
  const command = given ?? usualNames.find((name) => run(name, '--version') !== undefined);
  const version = command === undefined ? undefined : run(command, '--version');
  if (command === undefined || version === undefined) {
    const what = given === undefined ? 'there is no php-config' : `there is no program "${given}"`;
    throw new NativeEngineError(`Cannot build the native engine: ${what}. ${installHint(given)}`);
  }
  const includes = (run(command, '--includes') ?? '').split(/\s+/).filter((flag) => flag.startsWith('-I'));
  const binary = run(command, '--php-binary') ?? '';
  if (!existsSync(binary)) {
    throw new NativeEngineError(
      `Cannot build the native engine: the PHP program "${binary}" that "${command}" names is not there. ${cliHint(version)}`,
    );
  }
  const api = readHeaders(includes, version);
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

/** php-config names the command line's folder; Debian keeps one for each SAPI (`/etc/php/8.2/cli`). */
function fpmFolder(folder: string): string {
  const own = folder.replace(/\/cli(?=\/|$)/, '/fpm');
  return existsSync(own) ? own : folder;
}

/** Reads the API number; refuses builds that the engine is not made for. */
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
      `Cannot build the native engine: the headers of PHP ${version} are not there. ${installHint(version)}`,
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

/** What to install, in the words of the distributions. */
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
