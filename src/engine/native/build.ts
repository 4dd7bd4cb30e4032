/** Compiles the native engine for one PHP. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../../runtime/module.ts';
import { hostProgram, probeHost, requireSamePhp } from './host-program.ts';
import { findLibphp, linkHostProgram } from './libphp.ts';
import { NativeEngineError, type PhpInstallation } from './php-config.ts';
import { type BuildRecord, type BuiltEngine, engineFile, type LinkedHost, recordFile } from './store.ts';

/** The folder with the C sources. */
export const sourceFolder = packageFile('native');

/**
 * All compiler flags except paths. The tests add -Werror; an operator's build must not fail for warnings of a newer
 * compiler.
 */
export const compilerFlags: readonly string[] = [
  '-std=gnu11',
  '-D_GNU_SOURCE',
  '-O2',
  '-g',
  '-fPIC',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
];

/** Sources and headers in all rooms of the folder, as relative paths, sorted by name. */
function namesOfSources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[ch]$/.test(name))
    .sort();
}

/** The C files, sorted by name. */
export function sourceFiles(folder: string = sourceFolder): string[] {
  return namesOfSources(folder)
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(folder, name));
}

/** Hash of all sources and flags: any other build is stale. */
export function sourcesHash(folder: string = sourceFolder): string {
  const hash = createHash('sha256').update(compilerFlags.join('\0'));
  for (const name of namesOfSources(folder))
    hash.update(`\0${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest('hex');
}

/** Arguments for the compiler. PHP's headers count as system headers, which silences their warnings. */
export function compilerArguments(
  php: PhpInstallation,
  output: string,
  extra: readonly string[] = [],
): string[] {
  const includes = php.includes.flatMap((flag) => ['-isystem', flag.slice(2)]);
  const folders = [
    `-DHATHI_INI_FOLDER=${JSON.stringify(php.iniFolder)}`,
    `-DHATHI_SCAN_FOLDER=${JSON.stringify(php.scanFolder)}`,
  ];
  return [
    ...compilerFlags,
    ...extra,
    ...folders,
    '-iquote',
    sourceFolder,
    ...includes,
    '-shared',
    '-o',
    output,
    ...sourceFiles(),
    '-ldl',
  ];
}

/** How the engine is hosted; `auto` preloads it where that works, and otherwise links it with libphp. */
export const hostings = ['auto', 'preload', 'libphp'] as const;

export type Hosting = (typeof hostings)[number];

export interface BuildOptions {
  /** Additional compiler flags, such as sanitizers. */
  readonly extra?: readonly string[];
  readonly hosting?: Hosting;
  /** False skips the trial start, which fails under a sanitizer. */
  readonly tries?: boolean;
}

/**
 * Compiles the engine into a folder and tests whether it starts in its host. The shared object is replaced in one step,
 * so that a host that starts meanwhile finds either the old or the new one.
 *
 * @throws NativeEngineError with the compiler's output, or the reason why the host failed
 */
export function buildEngine(
  php: PhpInstallation,
  folder: string,
  { extra = [], hosting = 'auto', tries = true }: BuildOptions = {},
): BuiltEngine {
  const compiler = process.env['CC'] || 'cc';
  const file = engineFile(folder, php.api);
  const temporary = `${file}.${process.pid}`;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  try {
    execFileSync(compiler, compilerArguments(php, temporary, extra), { stdio: ['ignore', 'ignore', 'pipe'] });
    chmodSync(temporary, 0o755);
    const links = tries ? !canPreload(temporary, php, hosting) : hosting === 'libphp';
    const library = links ? findLibphp(php) : undefined;
    renameSync(temporary, file);
    const linked = library === undefined ? undefined : link(compiler, file, library, php);
    const host = linked === undefined ? { host: php.binary } : { host: php.binary, linked };
    const record: BuildRecord = {
      php: php.version,
      api: php.api,
      ...host,
      // A package that is made again is the same (reproducible-builds.org).
      builtAt: Number(process.env['SOURCE_DATE_EPOCH'] ?? 0) * 1000 || Date.now(),
      iniFolder: php.iniFolder,
      scanFolder: php.scanFolder,
      sources: sourcesHash(),
    };
    writeFileSync(`${temporary}.json`, `${JSON.stringify(record, undefined, 2)}\n`);
    renameSync(`${temporary}.json`, recordFile(file));
    return { record, file };
  } catch (error) {
    throw compilerError(compiler, error as NodeJS.ErrnoException & { stderr?: Buffer });
  } finally {
    for (const left of [temporary, `${temporary}.json`]) rmSync(left, { force: true });
  }
}

/** Whether PHP's program can be preloaded. @throws NativeEngineError when it must be and cannot, or is another PHP */
function canPreload(file: string, php: PhpInstallation, hosting: Hosting): boolean {
  if (hosting === 'libphp') return false;
  const probed = probeHost(hostProgram(file, { host: php.binary }));
  if (probed !== undefined) return requireSamePhp(probed, php.binary);
  if (hosting === 'auto') return false;
  throw new NativeEngineError(
    `Cannot host the native engine: it cannot be preloaded into "${php.binary}" (a static program, or a system that ` +
      'drops LD_PRELOAD); take --host=libphp',
  );
}

function link(compiler: string, file: string, library: string, { binary }: PhpInstallation): LinkedHost {
  const linked = { program: linkHostProgram(compiler, file, library), library };
  const probed = probeHost(hostProgram(file, { host: binary, linked }));
  if (probed === undefined) {
    throw new NativeEngineError(
      `Cannot host the native engine: it does not start with the library "${library}"`,
    );
  }
  requireSamePhp(probed, library);
  return linked;
}

function compilerError(compiler: string, error: NodeJS.ErrnoException & { stderr?: Buffer }): Error {
  if (error.code === 'ENOENT' && error.syscall?.startsWith('spawn')) {
    return new NativeEngineError(
      `Cannot build the native engine: the C compiler "${compiler}" is missing. Install one: ` +
        '"apt-get install gcc libc6-dev" (Debian, Ubuntu), "apk add gcc musl-dev" (Alpine), "dnf install gcc" (Fedora)',
      { cause: error },
    );
  }
  if (error.stderr === undefined || error.stderr === null) return error;
  const said = error.stderr.toString();
  const hint = /fatal error: .*: No such file/.test(said)
    ? 'A header is missing. Those of the C library: "apt-get install libc6-dev" (Debian, Ubuntu), "apk add musl-dev" ' +
      '(Alpine), "dnf install glibc-devel" (Fedora)\n'
    : '';
  return new NativeEngineError(`Cannot build the native engine: the compiler failed:\n${said}${hint}`, {
    cause: error,
  });
}
