/** Where further versions of the embedded PHP are kept: beside no installation of Hathi, so that none removes them. */

import { homedir } from 'node:os';
import { join } from 'node:path';

/** For the whole machine: pools of root run as other users, who have to read it. */
const machineFolder = '/var/lib/hathi/php';

/**
 * Where a version is put: HATHI_PHP_DIR where it is set; by root for the whole machine, by any other user among his own
 * data (XDG Base Directory Specification).
 */
export function phpFolder(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): string {
  if (env['HATHI_PHP_DIR']) return env['HATHI_PHP_DIR'];
  if (uid === 0) return machineFolder;
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'hathi/php');
}

/** Where versions are looked for, the first one first. */
export function phpFolders(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): string[] {
  const own = phpFolder(env, uid);
  return env['HATHI_PHP_DIR'] || own === machineFolder ? [own] : [own, machineFolder];
}
