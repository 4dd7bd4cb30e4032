/** An installed embedded PHP that cannot run: only the start of a pool detects that. */
import { installedVersions, knownVersions } from '../../src/engine/embedded/php/package.ts';
import type { TestFolder } from './folder.ts';

/**
 * Installs it in the folder, which has to be the working folder of the master.
 *
 * @returns the lines of a pool with this PHP
 */
export function brokenPhp(folder: TestFolder): string {
  const installed = installedVersions();
  const version = knownVersions.findLast((known) => !installed.includes(known));
  if (version === undefined) throw new Error('every version of the embedded PHP is installed here');
  const builds = `node_modules/@php-wasm/node-${version.replace('.', '-')}`;
  const base = `php_${version.replace('.', '_')}`;
  folder.mkdir(`${builds}/jspi/${version.replace('.', '_')}_0`);
  folder.write(`${builds}/package.json`, '{}');
  folder.write(`${builds}/jspi/${base}.js`, '');
  folder.write(`${builds}/jspi/${version.replace('.', '_')}_0/${base}.wasm`, 'this is no WebAssembly');
  return `engine = embedded\nengine.php = ${version}`;
}
