/** Answers of `-v`, `-m` and `-i`. */

import { execFileSync } from 'node:child_process';
import { phpIniSource } from '../boot/configuration.ts';
import type { FpmFlags } from '../boot/flags.ts';
import { securityWarning } from '../engine/embedded/host/security.ts';
import {
  defaultVersion,
  type EnginePackage,
  findEngine,
  installedVersions,
} from '../engine/embedded/php/package.ts';
import { iniFilesFor } from '../engine/ini-files.ts';
import { hostProgram } from '../engine/native/host-program.ts';
import { iniFilesOf, locateEngine } from '../engine/native/locate.ts';
import type { BuiltEngine } from '../engine/native/store.ts';
import { isAtLeast } from '../engine/php-version.ts';
import { ownVersion } from '../runtime/module.ts';
import type { InfoPrinter } from './fpm.ts';

export const infoPrinter: InfoPrinter = {
  version: async (flags) => versionText(flags),
  modules: async (flags) => {
    const located = locateEngine(undefined);
    if ('engine' in located) return nativeModules(located.engine, flags);
    const { modulesText } = await import('../engine/embedded/one-shot.ts');
    return modulesText(embeddedEngine().version, phpIniSource(flags));
  },
  information: async (flags) => {
    const located = locateEngine(undefined);
    if ('engine' in located) return nativeInformation(located.engine, flags);
    const { phpinfoText } = await import('../engine/embedded/one-shot.ts');
    const { version, phpVersion } = embeddedEngine();
    warnOfSecurity(phpVersion);
    return phpinfoText(version, phpIniSource(flags));
  },
};

function warnOfSecurity(php: string): void {
  const warning = securityWarning(php);
  if (warning !== undefined) process.stderr.write(`Warning: ${warning}\n`);
}

/** No engine at all is installed. */
class NoEngineError extends Error {
  readonly code = 'HATHI_NO_ENGINE';
}

/** The embedded engine for the answer: the pools' default, else the newest installed one. */
function embeddedEngine(): EnginePackage {
  const versions = installedVersions();
  const version = versions.find((installed) => installed === defaultVersion) ?? versions[0];
  if (version !== undefined) return findEngine(version);
  const located = locateEngine(undefined);
  const native = 'missing' in located ? located.missing : '';
  throw new NoEngineError(
    `Hathi ${ownVersion()} has no PHP to ask: ${native}, or install an embedded one by "hathi php add ${defaultVersion}"`,
  );
}

/** php-fpm's lines, which tools parse and count; the third one also names Hathi. */
function versionText(flags: FpmFlags): string {
  const located = locateEngine(undefined);
  return 'engine' in located ? nativeVersion(located.engine, flags) : embeddedVersion();
}

/** `engine = auto` uses a built native engine. */
function nativeVersion({ record, file }: BuiltEngine, flags: FpmFlags): string {
  const embedded = installedVersions().map((version) => findEngine(version).phpVersion);
  return [
    `PHP ${record.php} (fpm-fcgi) (built: ${compilerDate(new Date(record.builtAt))})${threadWord(record.php)}`,
    'Copyright (c) The PHP Group',
    `Zend Engine v${zendVersion(record.php)}, Copyright (c) Zend Technologies; ` +
      `Hathi ${ownVersion()}, native engine ${file} ${record.linked === undefined ? `in ${record.host}` : `with ${record.linked.library}`}` +
      (embedded.length > 0 ? `; embedded: PHP ${embedded.join(', ')} on Node ${process.versions.node}` : ''),
    // Zend extensions such as OPcache and Xdebug, a line each.
    ...askProgram(record, flags, '-v')
      .split('\n')
      .filter((line) => line.startsWith('    with ')),
    '',
  ].join('\n');
}

/** `Nov 25 2026 18:36:55`, in a C compiler's format. */
function compilerDate(date: Date): string {
  const [, day = '', month = '', year = '', time = ''] = date.toUTCString().split(' ');
  return `${month} ${day.replace(/^0/, ' ')} ${year} ${time}`;
}

/** PHP-FPM shows it from 8.4 on. */
function threadWord(php: string): string {
  return isAtLeast(php, 8, 4) ? ' (NTS)' : '';
}

/** The engine is PHP's own program plus one module, so that program is asked, with PHP-FPM's ini files. */
function askProgram(
  { host, iniFolder, scanFolder }: BuiltEngine['record'],
  { phpIni, noPhpIni, defines }: FpmFlags,
  question: '-m' | '-v',
): string {
  const ini = noPhpIni ? ['-n'] : ['-c', phpIni ?? iniFolder];
  const scan = phpIni === undefined ? scanFolder : (process.env['PHP_INI_SCAN_DIR'] ?? '');
  return execFileSync(host, [...ini, ...defines.flatMap((define) => ['-d', define]), question], {
    encoding: 'utf8',
    env: { ...process.env, PHP_INI_SCAN_DIR: scan },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function nativeModules({ record }: BuiltEngine, flags: FpmFlags): string {
  const text = askProgram(record, flags, '-m');
  const [modules = '', ...others] = text.split('\n\n');
  const [title = '', ...names] = modules.split('\n');
  const key = (name: string): string => name.toLowerCase();
  // The engine removes pcntl: a script could fork its worker.
  const web = names.filter((name) => name !== 'pcntl');
  const sorted = [...web, 'cgi-fcgi'].sort((left, right) => (key(left) < key(right) ? -1 : 1));
  return [[title, ...sorted].join('\n'), ...others].join('\n\n');
}

/** phpinfo() of the engine itself, with a pool's ini files. */
function nativeInformation({ file, record }: BuiltEngine, flags: FpmFlags): string {
  const { files, defines } = iniFilesFor(phpIniSource(flags), iniFilesOf(record));
  const [program = '', ...args] = hostProgram(file, record);
  const settings = [
    ...files.map((path) => `php.ini=${path}`),
    ...defines.map((define) => `php.define=${define}`),
  ];
  return execFileSync(program, [...args, '--info', ...settings], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function embeddedVersion(): string {
  const { version, phpVersion } = embeddedEngine();
  const others = installedVersions().filter((other) => other !== version);
  warnOfSecurity(phpVersion);
  return [
    `PHP ${phpVersion} (fpm-fcgi) (built: WebAssembly) (NTS)`,
    'Copyright (c) The PHP Group',
    `Zend Engine v${zendVersion(phpVersion)}, Copyright (c) Zend Technologies; ` +
      `Hathi ${ownVersion()}, embedded engine on Node ${process.versions.node}` +
      (others.length > 0 ? `; also installed: PHP ${others.join(', ')}` : ''),
    '',
  ].join('\n');
}

/** The Zend engine's version is PHP's with another major number. */
function zendVersion(php: string): string {
  const [major = '8', ...rest] = php.split('.');
  return [String(Number(major) - 4), ...rest].join('.');
}
