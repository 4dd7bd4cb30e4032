/**
 * From a request target, as the client wrote it, to a path that may be looked up below a document root.
 * Everything that could leave the root or name two things at once is refused here, before any file is touched.
 */

/** Why a target was refused: an HTTP status and a sentence for the error page. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  /** What the log is told instead, where the client must not learn it. */
  readonly logged?: string;
}

/** A request target taken apart. Paths are binary strings: one character a byte. */
export interface Target {
  /** Path and query as the client sent them: REQUEST_URI. */
  readonly uri: string;
  /** Decoded and normalised: starts with a slash, has no empty, `.` or `..` segment. */
  readonly path: string;
  /** After the first question mark; empty when there is none. */
  readonly query: string;
  /** Host and port of an absolute-form target, which then beats the Host header (RFC 9112, 3.2.2). */
  readonly authority?: string;
}

const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/is;

/** Takes a request target apart: origin form (`/a?b`) or absolute form (`http://host/a?b`). */
export function parseTarget(raw: string): Target | Refusal {
  const absolute = absoluteForm.exec(raw);
  let uri = absolute ? absolute[2]! : raw;
  if (absolute && !uri.startsWith('/')) uri = `/${uri}`;
  if (!uri.startsWith('/')) return { status: 400, reason: 'The request target is neither a path nor a URL' };
  const fragment = uri.indexOf('#');
  if (fragment >= 0) uri = uri.slice(0, fragment);
  const mark = uri.indexOf('?');
  const rawPath = mark < 0 ? uri : uri.slice(0, mark);
  const query = mark < 0 ? '' : uri.slice(mark + 1);

  const decoded = decodePercent(rawPath);
  if (decoded === undefined) return { status: 400, reason: 'The path has a broken percent escape' };
  if (decoded.includes('\0')) return { status: 400, reason: 'The path has a NUL byte' };
  if (decoded.includes('\\')) return { status: 400, reason: 'The path has a backslash' };
  const path = normalise(decoded);
  if (path === undefined) return { status: 400, reason: 'The path leaves the document root' };
  return absolute ? { uri, path, query, authority: absolute[1]! } : { uri, path, query };
}

/** Percent-encodes a binary string for use as a path in a Location header. */
export function encodePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g, (byte) => {
    return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function decodePercent(path: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(path)) return undefined;
  return path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Resolves `.` and `..` and merges slashes, as nginx does; undefined when the path climbs above its root. */
function normalise(path: string): string | undefined {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  const last = segments.at(-1);
  for (const segment of segments) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(segment);
    else if (kept.pop() === undefined) return undefined;
  }
  const isFolder = last === '' || last === '.' || last === '..';
  return `/${kept.join('/')}${isFolder && kept.length > 0 ? '/' : ''}`;
}
