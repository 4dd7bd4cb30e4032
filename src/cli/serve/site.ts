/** Finds the folder that `hathi serve` serves, and PHP's user for it. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from './option-values.ts';

const candidates = ['public', 'web', 'htdocs', '.'];
const indexNames = ['index.php', 'index.html'];

/** A document root and its origin. */
export interface Site {
  /** Absolute path. */
  readonly docroot: string;
  /** False when the command line named it. */
  readonly guessed: boolean;
}

/**
 * Finds the document root.
 *
 * @param named - From the command line; a project folder stands for its document root, and a folder without index is
 *   served as well.
 * @throws UsageError when the folder is missing, or none of the usual ones has an index.
 */
export function findSite(named: string | undefined, cwd: string): Site {
  if (named !== undefined) {
    const docroot = resolve(cwd, named);
    if (statSync(docroot, { throwIfNoEntry: false })?.isDirectory()) return withinProject(docroot);
    throw new UsageError(`cannot serve "${docroot}": the folder does not exist`);
  }
  const found = candidates.find((name) => indexNames.some((index) => existsSync(join(cwd, name, index))));
  if (found !== undefined) return { docroot: resolve(cwd, found), guessed: true };
  throw new UsageError(
    `cannot find a site in "${cwd}": none of public, web, htdocs and . has an index.php or index.html; ` +
      'name the folder: hathi serve FOLDER',
  );
}

/** The folder itself, or its usual document root if it is a project without an index of its own. */
function withinProject(folder: string): Site {
  const hasIndex = (name: string): boolean =>
    indexNames.some((index) => existsSync(join(folder, name, index)));
  const inside = candidates.find((name) => name !== '.' && hasIndex(name));
  if (hasIndex('.') || inside === undefined) return { docroot: folder, guessed: false };
  return { docroot: join(folder, inside), guessed: true };
}

/** PHP's user: names or ids, as in the directives `user` and `group`. */
export interface RunAs {
  readonly user: string;
  /** Undefined: the user's own group. */
  readonly group?: string;
}

/**
 * Selects PHP's user. Without root it is always the current user; as root it is never root unless requested.
 *
 * @returns undefined when the user does not change.
 * @throws UsageError that names both remedies.
 */
export function chooseUser(
  docroot: string,
  { user, allowRoot }: { readonly user: string | undefined; readonly allowRoot: boolean },
  processUid: number,
): RunAs | undefined {
  if (processUid !== 0) {
    if (user === undefined) return undefined;
    throw new UsageError(`cannot run PHP as "${user}": only root may change the user; leave --user out`);
  }
  if (user !== undefined) return { user };
  if (allowRoot) return undefined;
  const owner = statSync(docroot);
  if (owner.uid === 0) {
    throw new UsageError(
      `refusing to run PHP as root: "${docroot}" belongs to root, so it names no other user; ` +
        'name one with --user NAME (such as --user nobody), or insist with -R',
    );
  }
  return { user: nameOf(owner.uid), group: String(owner.gid) };
}

/** A name includes the user's other groups; an id without a name is used as it is. */
function nameOf(uid: number): string {
  const lines = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : [];
  return lines.map((line) => line.split(':')).find((fields) => fields[2] === String(uid))?.[0] ?? String(uid);
}
