/**
 * The name under which a request is counted: its method, and its path with ids folded, so that `/users/17` and
 * `/users/18` are one route. All texts are binary strings. The native engine's version is native/record/route_name.c; a
 * test compares the two.
 */

/** Path of a REQUEST_URI without its query; `uri` where REQUEST_URI is no path (missing, or the `*` of OPTIONS). */
export function requestPath(requestUri: string | undefined, uri: string): string {
  if (requestUri === undefined || !requestUri.startsWith('/')) return uri;
  const end = requestUri.search(/[?#]/);
  return end < 0 ? requestUri : requestUri.slice(0, end);
}

/** Bytes of a path that count; the rest is ignored. */
const readMost = 512;
/** Longest path of a name in bytes; a longer one ends in `...`. */
const pathMost = 140;
/** A method has up to 16 letters; clients may send anything, so all else counts as one method. */
const methodPattern = /^[A-Z]{1,16}$/;
/** A segment still longer than this after folding is an id itself. */
const segmentMost = 64;

/**
 * @param path without its query
 * @returns at most 160 bytes; empty without a path
 */
export function routeName(method: string, path: string): string {
  if (path === '') return '';
  const folded = path.slice(0, readMost).split('/').map(foldSegment).join('/');
  const shown = folded.length > pathMost ? `${folded.slice(0, pathMost - 3)}...` : folded;
  return `${methodPattern.test(method) ? method : 'OTHER'} ${shown}`;
}

const uuidPattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/iy;
/** An extension of up to five letters and digits, with at least one letter, tells the kind of a file and stays. */
const extensionPattern = /\.(?=[0-9]{0,4}[a-z])[0-9a-z]{1,5}$/i;
const separators = '-_.,;:=@+~';

const digitPattern = /[0-9]/;
const idPattern = /^[0-9A-Za-z]+$/;

function foldSegment(segment: string): string {
  // Most segments are words: without a digit only a UUID can be an id.
  if (segment.length < 36 && !digitPattern.test(segment)) return segment;
  const extension = extensionPattern.exec(segment)?.[0] ?? '';
  const stem = segment.slice(0, segment.length - extension.length);
  const folded = foldStem(stem) + extension;
  return folded.length > segmentMost ? '{token}' : folded;
}

function foldStem(stem: string): string {
  let folded = '';
  for (let at = 0; at < stem.length; ) {
    const uuid = uuidEnd(stem, at);
    const end = uuid ?? partEnd(stem, at);
    const part = stem.slice(at, end);
    const placeholder = uuid === undefined ? idOf(part) : '{uuid}';
    if (placeholder === '{token}') return placeholder;
    folded += (placeholder ?? part) + stem.slice(end, end + 1);
    at = end + 1;
  }
  return folded;
}

function uuidEnd(stem: string, at: number): number | undefined {
  const end = at + 36;
  if (stem.charAt(at + 8) !== '-' || (end < stem.length && !separators.includes(stem.charAt(end))))
    return undefined;
  uuidPattern.lastIndex = at;
  return uuidPattern.test(stem) ? end : undefined;
}

/** Position of the next separator. */
function partEnd(stem: string, at: number): number {
  let end = at;
  while (end < stem.length && !separators.includes(stem.charAt(end))) end += 1;
  return end;
}

/**
 * The placeholder for a part; undefined for a word. A word with digits at one end, such as `v1` or `2nd`, is a word.
 */
function idOf(part: string): string | undefined {
  if (!digitPattern.test(part)) return undefined;
  if (/^[0-9]+$/.test(part)) return '{n}';
  if (part.length < 8 || !idPattern.test(part)) return undefined;
  if (/^[0-9A-Fa-f]+$/.test(part)) return '{hex}';
  const isMixed = /[a-z]/.test(part) && /[A-Z]/.test(part);
  return part.length >= 16 || isMixed ? '{token}' : undefined;
}
