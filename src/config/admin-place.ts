/**
 * Where the admin endpoint is when no `admin.listen` says it. A master and the commands that ask it find the same
 * place by themselves: from the configuration file, the prefix and the user.
 */

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** What makes two masters different. */
export interface MasterName {
  /** The main configuration file; a relative path starts at the working directory. */
  readonly file: string;
  /** `-p` */
  readonly prefix?: string | undefined;
}

/** The folder of the machine's services. */
const machineFolder = '/run/hathi';

/**
 * Folder of sockets for the masters of a user: HATHI_RUNTIME_DIR where it is set, else that of the machine for root
 * and `$XDG_RUNTIME_DIR/hathi` for others (XDG Base Directory Specification). Undefined where a user has none; one
 * that belongs to somebody else, as after su(1), does not count.
 */
export function runtimeFolder(env: NodeJS.ProcessEnv, uid: number): string | undefined {
  if (env['HATHI_RUNTIME_DIR']) return resolve(env['HATHI_RUNTIME_DIR']);
  if (uid === 0) return machineFolder;
  const own = env['XDG_RUNTIME_DIR'];
  if (!own?.startsWith('/')) return undefined;
  return statSync(own, { throwIfNoEntry: false })?.uid === uid ? join(own, 'hathi') : undefined;
}

/** File name of a master's socket: that of its configuration, for those who look, and a hash of what tells it from others. */
export function adminSocketName({ file, prefix }: MasterName): string {
  const path = resolve(file);
  const identity = prefix === undefined ? path : `${path}\0${resolve(prefix)}`;
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 12);
  return `${basename(path).slice(0, 40)}-${hash}.sock`;
}

/** Path of the default socket of a master of this user; undefined where the user has no runtime folder. */
export function defaultAdminSocket(
  name: MasterName,
  env: NodeJS.ProcessEnv,
  uid: number,
): string | undefined {
  const folder = runtimeFolder(env, uid);
  return folder === undefined ? undefined : join(folder, adminSocketName(name));
}
