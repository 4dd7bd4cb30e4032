/**
 * ZipArchive without AES: this build's library has no ciphers. Its constants are removed, so that nobody takes an
 * unencrypted archive for an encrypted one; the numeric value causes a warning in addition to false.
 */

import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import { InternalClass } from './internal-class.ts';
import { zvalType } from './layout.ts';
import { argument, argumentCount } from './module-functions.ts';
import { kindOf, readLong } from './values.ts';

const constants = ['EM_AES_128', 'EM_AES_192', 'EM_AES_256'];
/** Lowest number of the AES methods. */
const aes = 0x101;
/** Lower-case method and its C function; in both the encryption method is the second argument. */
const methods = [
  ['setencryptionname', 'zim_ZipArchive_setEncryptionName'],
  ['setencryptionindex', 'zim_ZipArchive_setEncryptionIndex'],
] as const;

/** Call it after PHP's start and before its first request. */
export function refuseZipEncryption(engine: Engine, calls: PhpCalls): void {
  const archive = InternalClass.find(engine, 'ZipArchive');
  if (archive === undefined) return;
  for (const name of constants) archive.removeConstant(name);
  for (const [method, implementation] of methods) {
    // PHP 7.4 lacks the extension.
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
