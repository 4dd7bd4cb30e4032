/**
 * Builds the published program: the sources as JavaScript, many modules a file. A process that loads them one by one
 * spends twice the time on its start.
 *
 * Packages stay outside: npm installs them. A worker thread's program is one file, since its host reads it into memory.
 */

import { globSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BuildOptions, buildSync } from 'esbuild';
import { makersDigest } from '../src/engine/embedded/php/guard-cache.ts';

const root = resolve(import.meta.dirname, '..');

/** Modules that start on their own, each named by a programModule() of the sources. */
const processes = ['cli/main', 'engine/embedded/host/host'];
const threads = ['engine/embedded/thread/thread'];

/**
 * Builds into a folder, which is emptied first.
 *
 * @throws Error with the messages of the bundler, or for a module that is not built
 */
export function buildProgram(target: string): void {
  requireAll();
  rmSync(target, { recursive: true, force: true });
  const common: BuildOptions = {
    absWorkingDir: root,
    outbase: 'src',
    outdir: target,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext',
    packages: 'external',
    // The bundler writes other forms of characters beyond ASCII otherwise.
    charset: 'utf8',
    define: { 'import.meta.hathiMakers': JSON.stringify(makersDigest()) },
    logLevel: 'warning',
  };
  const chunks: BuildOptions = { splitting: true, chunkNames: 'shared/[name]-[hash]' };
  buildSync({ ...common, ...chunks, entryPoints: processes.map(sourceOf) });
  buildSync({ ...common, entryPoints: threads.map(sourceOf) });
}

/** A module that started on its own without being built would be missing only where Hathi is installed. */
function requireAll(): void {
  for (const file of globSync('src/**/*.ts', { cwd: root })) {
    for (const [, name = ''] of readFileSync(join(root, file), 'utf8').matchAll(
      /\bprogramModule\('([^']+)'\)/g,
    )) {
      if (![...processes, ...threads].includes(name))
        throw new Error(`${file} starts ${name}: add it to scripts/build.ts`);
    }
  }
}

function sourceOf(module: string): string {
  return `src/${module}.ts`;
}

if (import.meta.main) {
  const { positionals } = parseArgs({ allowPositionals: true });
  buildProgram(resolve(positionals[0] ?? join(root, 'dist')));
}
