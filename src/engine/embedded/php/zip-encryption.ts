/**
 * ZipArchive without AES: the library of this build has no ciphers. Its constants are gone, so that nobody takes an
 * archive for encrypted that is not; who gives the number is told by a warning besides the false.
 */

import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import { InternalClass } from './internal-class.ts';
import { zvalType } from './layout.ts';
import { argument, argumentCount } from './module-functions.ts';
import { kindOf, readLong } from './values.ts';

const constants = ['EM_AES_128', 'EM_AES_192', 'EM_AES_256'];
/** Lowest number of the methods with AES. */
const aes = 0x101;
/** Lower-case method and the C function that it is; both have the encryption method second. */
const methods = [
  ['setencryptionname', 'zim_ZipArchive_setEncryptionName'],
  ['setencryptionindex', 'zim_ZipArchive_setEncryptionIndex'],
] as const;

/** To be called after PHP's start and before its first request. */
export function refuseZipEncryption(engine: Engine, calls: PhpCalls): void {
  const archive = InternalClass.find(engine, 'ZipArchive');
  if (archive === undefined) return;
  for (const name of constants) archive.removeConstant(name);
  for (const [method, implementation] of methods) {
    // PHP 7.4 comes without.
    if (!engine.has(implementation)) continue;
    const own = engine.suspendable(implementation);
    archive.replaceMethodAsync(method, implementation, async (frame, result) => {
      await own(frame, result);
      const wanted = argumentCount(engine, frame) > 1 ? readLong(engine, argument(frame, 1)) : undefined;
      const hasFailed = kindOf(engine, result) === zvalType.false;
      if (hasFailed && wanted !== undefined && wanted >= aes)
        await calls.warn('AES is not available in this PHP: the entry will not be encrypted');
    });
  }
}
