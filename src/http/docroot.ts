/** The file system below a document root, as far as the front exposes it. */

import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { encodeBinary } from '../text/binary.ts';
import { type Found, hasHiddenSegment, type Probe } from './resolve.ts';

/**
 * Returns a probe for a document root, which must be a real path (without symbolic links).
 *
 * Symbolic links are followed if their target is inside the document root and not a hidden name. A link that leaves the
 * root counts as missing.
 */
export function docrootProbe(docroot: string): Probe {
  const root = docroot.endsWith(sep) ? docroot.slice(0, -1) : docroot;
  return async (path) => {
    // Names are bytes: a path outside UTF-8 must still find the file of that name.
    const asked = Buffer.concat([Buffer.from(root), Buffer.from(path, 'latin1')]);
    try {
      const real = (await realpath(asked, { encoding: 'buffer' })).toString('latin1');
      return classify(real, encodeBinary(root), await stat(asked));
    } catch (error) {
      return failedProbe(error as NodeJS.ErrnoException);
    }
  };
}

interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
}

function classify(real: string, root: string, kind: Kind): Found {
  const below = real === root ? '' : real.startsWith(`${root}/`) ? real.slice(root.length) : undefined;
  if (below === undefined) {
    return { kind: 'hidden', reason: 'A symbolic link that leaves the document root is not followed' };
  }
  if (hasHiddenSegment(below)) {
    return { kind: 'hidden', reason: 'Names that start with a dot are not served, nor links to them' };
  }
  if (kind.isDirectory()) return { kind: 'folder' };
  if (kind.isFile()) return { kind: 'file', realPath: real };
  return { kind: 'hidden', reason: 'Neither a file nor a folder' };
}

function failedProbe(error: NodeJS.ErrnoException): Found {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
      return { kind: 'missing' };
    case 'EACCES':
    case 'EPERM':
    case 'ELOOP':
      return { kind: 'hidden', reason: `Not accessible: ${error.code}` };
    default:
      throw error;
  }
}
