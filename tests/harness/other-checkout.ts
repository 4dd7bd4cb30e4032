/** Another version of Hathi: a copy of the checkout with a version, and a Node binary, of its own. */
import {
  constants,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { contractVersion } from '../../src/engine/contract.ts';
import { readableCheckout } from './folder.ts';

/** Where its version is. */
const contractLines = [
  ['src/engine/contract.ts', /^(export const contractVersion = )\d+/m],
  ['native/host/channel.h', /(HATHI_CONTRACT_VERSION = )\d+/],
] as const;

/**
 * @param contract that it speaks with its hosts, and that its sources of the native engine speak
 * @returns its bin/hathi
 */
export function otherCheckout(target: string, version: string, contract = contractVersion): string {
  const from = readableCheckout();
  for (const name of ['bin', 'src', 'native'])
    cpSync(join(from, name), join(target, name), { recursive: true });
  for (const [name, line] of contractLines) {
    const file = join(target, name);
    writeFileSync(file, readFileSync(file, 'utf8').replace(line, `$1${contract}`));
  }
  const about = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  writeFileSync(join(target, 'package.json'), JSON.stringify({ ...about, version }));
  const modules = join(target, 'node_modules');
  mkdirSync(join(modules, 'node/bin'), { recursive: true });
  for (const name of readdirSync(join(from, 'node_modules'))) {
    if (name !== 'node') symlinkSync(join(from, 'node_modules', name), join(modules, name));
  }
  // No hard link: that changes the file's ctime, and masters of tests beside this one would take Node for another one.
  copyFileSync(process.execPath, join(modules, 'node/bin/node'), constants.COPYFILE_FICLONE);
  return join(target, 'bin/hathi');
}
