/** The extension of calling-extension.c, compiled. */
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { readPhpConfig } from '../../src/engine/native/php-config.ts';
import { checkout, type TestFolder } from '../harness/folder.ts';
import { testedConfig } from './built-engine.ts';

/** @returns the path of the shared object in the folder, which everybody may read then */
export function callingExtension(folder: TestFolder, flags: readonly string[] = []): string {
  const file = folder.join('calling.so');
  const { includes } = readPhpConfig(testedConfig());
  const source = join(checkout, 'tests/native/calling-extension.c');
  const compiler = process.env['CC'] || 'cc';
  execFileSync(compiler, ['-shared', '-fPIC', '-O1', ...flags, ...includes, source, '-o', file]);
  chmodSync(folder.path, 0o755);
  return file;
}
