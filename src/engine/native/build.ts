/** Compiling the native engine for one PHP. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeEngineError, type PhpInstallation } from './php-config.ts';
import { type BuildRecord, type BuiltEngine, engineFile, recordFile } from './store.ts';

/** The folder with the C sources. */
export const sourceFolder = fileURLToPath(new URL('../../../native/', import.meta.url));

/**
 * Everything the engine is compiled with but for the paths. The tests add -Werror: there are to be no warnings, but
 * the next compiler may have new ones, and an operator's build is not to fail for them.
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

/** The C files, in order of their names. */
export function sourceFiles(folder: string = sourceFolder): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(folder, name));
}

/** Hash of all sources and flags: a build of anything else is stale. */
export function sourcesHash(folder: string = sourceFolder): string {
  const hash = createHash('sha256').update(compilerFlags.join('\0'));
  const names = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
  for (const name of names.sort()) hash.update(`\0${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest('hex');
}

/** Arguments for the compiler. PHP's headers are system headers: their warnings are not ours. */
export function compilerArguments(
  php: PhpInstallation,
  output: string,
  extra: readonly string[] = [],
): string[] {
  const includes = php.includes.flatMap((flag) => ['-isystem', flag.slice(2)]);
  return [...compilerFlags, ...extra, ...includes, '-shared', '-o', output, ...sourceFiles(), '-ldl'];
}

/**
 * Compiles the engine into a folder. The shared object takes its place in one step, so that a host that starts
 * meanwhile finds the old one or the new one.
 *
 * @param extra further flags of the compiler, for instance sanitizers
 * @throws NativeEngineError with what the compiler said
 */
export function buildEngine(
  php: PhpInstallation,
  folder: string,
  extra: readonly string[] = [],
): BuiltEngine {
  const compiler = process.env['CC'] || 'cc';
  const file = engineFile(folder, php.api);
  const temporary = `${file}.${process.pid}`;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  try {
    execFileSync(compiler, compilerArguments(php, temporary, extra), { stdio: ['ignore', 'ignore', 'pipe'] });
    chmodSync(temporary, 0o755);
    const record: BuildRecord = {
      php: php.version,
      api: php.api,
      host: php.binary,
      hostModified: statSync(php.binary).mtimeMs,
      iniFolder: php.iniFolder,
      scanFolder: php.scanFolder,
      sources: sourcesHash(),
    };
    writeFileSync(`${temporary}.json`, `${JSON.stringify(record, undefined, 2)}\n`);
    renameSync(temporary, file);
    renameSync(`${temporary}.json`, recordFile(file));
    return { record, file };
  } catch (error) {
    throw compilerError(compiler, error as NodeJS.ErrnoException & { stderr?: Buffer });
  } finally {
    for (const left of [temporary, `${temporary}.json`]) rmSync(left, { force: true });
  }
}

function compilerError(compiler: string, error: NodeJS.ErrnoException & { stderr?: Buffer }): Error {
  if (error.code === 'ENOENT' && error.syscall?.startsWith('spawn')) {
    return new NativeEngineError(
      `Cannot build the native engine: there is no C compiler "${compiler}". Install one: ` +
        '"apt-get install gcc libc6-dev" (Debian, Ubuntu), "apk add gcc musl-dev" (Alpine), "dnf install gcc" (Fedora)',
      { cause: error },
    );
  }
  if (error.stderr === undefined) return error;
  return new NativeEngineError(
    `Cannot build the native engine: the compiler failed:\n${error.stderr.toString()}`,
    {
      cause: error,
    },
  );
}
