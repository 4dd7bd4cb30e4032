/**
 * Converts a request target, as the client wrote it, to a path below a document root. Every target that could leave the
 * root or is ambiguous is refused here, before any file access.
 */

/** A refused target: an HTTP status and a sentence for the error page. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  /** Text for the log that the client must not see. */
  readonly logged?: string;
}

/** The parts of a request target. Paths are binary strings: one character a byte. */
export interface Target {
  /** Path and query as the client sent them: REQUEST_URI. */
  readonly uri: string;
  /** Decoded and normalised: starts with a slash, without empty, `.` or `..` segments. */
  readonly path: string;
  /** Text after the first question mark, or empty. */
  readonly query: string;
  /** Host and port of an absolute-form target; takes precedence over the Host header (RFC 9112, 3.2.2). */
  readonly authority?: string;
}

const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/is;

/** Splits a request target: origin form (`/a?b`) or absolute form (`http://host/a?b`). */
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

/** Resolves `.` and `..` and merges slashes, as nginx does; undefined when the path leaves its root. */
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
