/**
 * The second way to host the engine: a program of three lines, linked with the engine and libphp, for systems where
 * PHP's own program cannot be preloaded (a static program, or LD_PRELOAD is dropped).
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NativeEngineError, type PhpInstallation } from './php-config.ts';

/** Never runs: the engine replaces main(), as it does when preloaded. */
const stubSource = 'int main(void) { return 70; }\n';

/** Paths used by distributions; php-config does not report them. */
export function libphpCandidates({ version, prefix }: PhpInstallation): string[] {
  const [major = '8', minor = '2'] = version.split('.');
  const folders = [join(prefix, 'lib'), join(prefix, 'lib64'), '/usr/lib', '/usr/local/lib'];
  const names = [`libphp${major}.${minor}.so`, `libphp${major}${minor}.so`, 'libphp.so'];
  return [...new Set(folders)].flatMap((folder) => names.map((name) => join(folder, name)));
}

/** @throws NativeEngineError naming the package */
export function findLibphp(php: PhpInstallation): string {
  const found = libphpCandidates(php).find((path) => existsSync(path));
  if (found !== undefined) return realpathSync(found);
  const [major = '8', minor = '2'] = php.version.split('.');
  throw new NativeEngineError(
    `Cannot build the native engine with libphp: the libphp of PHP ${php.version} is missing. Install it: ` +
      `"apt-get install libphp${major}.${minor}-embed" (Debian, Ubuntu), "apk add php${major}${minor}-embed" (Alpine), ` +
      '"dnf install php-embedded" (Fedora)',
  );
}

/**
 * Links the program, beside the engine. On Debian the libraries of all versions have the SONAME `libphp.so`, which
 * resolves to the one that ldconfig saw last. So a separate folder with a link of that name, searched first, selects
 * the right one. The program uses nothing of PHP itself, so no variable of PHP is copied into it (COPY relocations),
 * and an updated library with the same API is safe.
 *
 * @returns its path
 */
export function linkHostProgram(compiler: string, engine: string, library: string): string {
  const folder = engine.replace(/\.so$/, '.host');
  const program = join(folder, 'php-fpm');
  const source = join(folder, 'stub.c');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  symlinkSync(library, join(folder, 'libphp.so'));
  writeFileSync(source, stubSource);
  execFileSync(
    compiler,
    [
      source,
      '-o',
      program,
      '-Wl,--no-as-needed,--disable-new-dtags,--allow-shlib-undefined',
      `-Wl,-rpath,${folder}`,
      // The order matters: the engine's start function comes before the C library's.
      engine,
      join(folder, 'libphp.so'),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  return program;
}
