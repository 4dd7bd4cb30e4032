/** What `.htaccess` files change: directives with their sections, and whether Apache reads them there. Pure. */

import type { Place } from '../config/directives.ts';
import { type ApacheDirective, parseApache } from './apache-config.ts';
import { restricts } from './apache-passes.ts';
import type { Facts } from './facts.ts';

/** One directive that is in force, or would be if Apache knew it. */
export interface Override {
  readonly name: string;
  readonly args: readonly string[];
  readonly place: Place;
  /** Sections around it, outermost first. */
  readonly path: readonly ApacheDirective[];
}

export interface Htaccess {
  readonly path: string;
  /** Its folder, with the same ending as `path`. */
  readonly folder: string;
  readonly directives: readonly Override[];
  /** A file further up in the document root closes the folder. */
  readonly isBelowClosed: boolean;
}

/** Classes of AllowOverride that a directive needs one of (Apache's documentation: Override). */
const classes: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^options$/, ['options']],
  [/^(?:sethandler|addhandler|addtype|forcetype)$/, ['fileinfo']],
  [/^(?:require|satisfy)$/, ['authconfig']],
  [/^(?:allow|deny)$/, ['limit']],
];

/** The files of document roots that Apache serves from the pools, each once, without directives that it ignores. */
export function htaccessFiles({ pools, passes }: Facts): Htaccess[] {
  const found = new Map<string, Htaccess>();
  for (const docroot of pools.flatMap(({ docroots }) => docroots)) {
    const pass = passes.find(({ server, docroot: path }) => server === 'Apache' && path === docroot.path);
    if (pass === undefined) continue;
    const read = docroot.htaccess.flatMap(({ path, text }) => {
      const folder = path.slice(0, path.lastIndexOf('/'));
      const allowed = pass.overrides(`${docroot.path}${folder.slice(docroot.realPath.length)}`);
      if (allowed.size === 0) return [];
      const directives = flat(parseApache(text, path), []).filter(({ name }) => isAllowed(name, allowed));
      return [{ path, folder, directives }];
    });
    for (const file of read) {
      const above = read.filter(({ folder }) => file.folder.startsWith(`${folder}/`));
      found.set(file.path, { ...file, isBelowClosed: above.some(closes) });
    }
  }
  return [...found.values()];
}

function isAllowed(name: string, allowed: ReadonlySet<string>): boolean {
  const needed = classes.find(([pattern]) => pattern.test(name))?.[1];
  return needed === undefined || allowed.has('all') || needed.some((each) => allowed.has(each));
}

function flat(block: readonly ApacheDirective[], path: readonly ApacheDirective[]): Override[] {
  return block.flatMap((directive) =>
    directive.block === undefined
      ? [{ name: directive.name, args: directive.args, place: directive.place, path }]
      : flat(directive.block, [...path, directive]),
  );
}

/** For the whole folder, not for some names in it. */
function closes({ directives }: Pick<Htaccess, 'directives'>): boolean {
  return directives.some(
    (directive) =>
      restricts(directive) && directive.path.every(({ name }) => /^if(?:module|version)$/.test(name)),
  );
}
