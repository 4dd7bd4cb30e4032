/** Folder of further versions of the embedded PHP: outside of Hathi's installations, so that an update keeps them. */

import { homedir } from 'node:os';
import { join } from 'node:path';

/** For the whole machine: root's pools run as other users, who have to read it. */
const machineFolder = '/var/lib/hathi/php';

/**
 * Folder for new versions: HATHI_PHP_DIR if set; root installs for the whole machine, other users among their own data
 * (XDG Base Directory Specification).
 */
export function phpFolder(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): string {
  if (env['HATHI_PHP_DIR']) return env['HATHI_PHP_DIR'];
  if (uid === 0) return machineFolder;
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'hathi/php');
}

/** Folders that are searched, in order. */
export function phpFolders(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): string[] {
  const own = phpFolder(env, uid);
  return env['HATHI_PHP_DIR'] || own === machineFolder ? [own] : [own, machineFolder];
}
