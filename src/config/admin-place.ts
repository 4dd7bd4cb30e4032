/**
 * Default address of the admin endpoint, without `admin.listen`. The master and its commands compute the same path from
 * the configuration file, the prefix and the user.
 */

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** Identifies a master. */
export interface MasterName {
  /** The main configuration file; relative to the working directory. */
  readonly file: string;
  /** `-p` */
  readonly prefix?: string | undefined;
}

/** Runtime folder for services of the machine. */
const machineFolder = '/run/hathi';

/**
 * Folder of the sockets of a user's masters: HATHI_RUNTIME_DIR if set; otherwise the machine's folder for root, and
 * `$XDG_RUNTIME_DIR/hathi` for other users (XDG Base Directory Specification). Undefined for a user without one; a
 * folder of another user, as after su(1), does not count.
 */
export function runtimeFolder(env: NodeJS.ProcessEnv, uid: number): string | undefined {
  if (env['HATHI_RUNTIME_DIR']) return resolve(env['HATHI_RUNTIME_DIR']);
  if (uid === 0) return machineFolder;
  const own = env['XDG_RUNTIME_DIR'];
  if (!own?.startsWith('/')) return undefined;
  return statSync(own, { throwIfNoEntry: false })?.uid === uid ? join(own, 'hathi') : undefined;
}

/** File name of a master's socket: the name of its configuration, for people, and a hash of its identity. */
export function adminSocketName({ file, prefix }: MasterName): string {
  const path = resolve(file);
  const identity = prefix === undefined ? path : `${path}\0${resolve(prefix)}`;
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 12);
  return `${basename(path).slice(0, 40)}-${hash}.sock`;
}

/**
 * Folder for files of a master, by name: beside its default socket, for its user only. Undefined without a runtime
 * folder.
 */
export function instanceFolder(
  kind: 'configurations' | 'hosts',
  name: MasterName,
  env: NodeJS.ProcessEnv,
  uid: number,
): string | undefined {
  const socket = defaultAdminSocket(name, env, uid);
  return socket?.replace(/\.sock$/, `.${kind}`);
}

/** Path of the default socket of this user's master; undefined without a runtime folder. */
export function defaultAdminSocket(
  name: MasterName,
  env: NodeJS.ProcessEnv,
  uid: number,
): string | undefined {
  const folder = runtimeFolder(env, uid);
  return folder === undefined ? undefined : join(folder, adminSocketName(name));
}
