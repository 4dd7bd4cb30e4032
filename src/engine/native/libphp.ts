/**
 * The other way to host the engine: a program of three lines that is linked with the engine and with libphp, for
 * where PHP's own program cannot be preloaded (linked statically, or LD_PRELOAD is dropped by the system).
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NativeEngineError, type PhpInstallation } from './php-config.ts';

/** Never runs: the engine takes the place of main(), as it does when it is preloaded. */
const stubSource = 'int main(void) { return 70; }\n';

/** Where distributions put it; php-config does not say. */
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
    `Cannot build the native engine with libphp: there is no libphp for PHP ${php.version}. Install it: ` +
      `"apt-get install libphp${major}.${minor}-embed" (Debian, Ubuntu), "apk add php${major}${minor}-embed" (Alpine), ` +
      '"dnf install php-embedded" (Fedora)',
  );
}

/**
 * Links the program, beside the engine. Debian's libraries of all versions have the SONAME `libphp.so`, which stands
 * for whichever ldconfig met last: a folder of its own with a link of that name, searched first, names the right one.
 * The program uses nothing of PHP itself, so no variable of PHP is copied into it (COPY relocations), and an updated
 * library of the same API is no danger.
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
      // In this order: the engine's start function comes before the C library's.
      engine,
      join(folder, 'libphp.so'),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  return program;
}
