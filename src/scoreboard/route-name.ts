/**
 * The name under which a request is counted: its method, and its path with what differs from one object to the next
 * folded, so that `/users/17` and `/users/18` are one route. All texts are binary strings. The native engine's is
 * native/record/route_name.c, and a test compares the two.
 */

/** Path of a REQUEST_URI, which may have a query; `uri` where it is none (absent, or the `*` of OPTIONS). */
export function requestPath(requestUri: string | undefined, uri: string): string {
  if (requestUri === undefined || !requestUri.startsWith('/')) return uri;
  const end = requestUri.search(/[?#]/);
  return end < 0 ? requestUri : requestUri.slice(0, end);
}

/** Bytes of a path that are looked at. */
const readMost = 512;
/** Longest path of a name, in bytes; the end of a longer one is `...`. */
const pathMost = 140;
/** Methods have up to 16 letters; what is none is one word, since a client may send anything. */
const methodPattern = /^[A-Z]{1,16}$/;
/** A part of a path that is still longer when its ids are folded is one itself. */
const segmentMost = 64;

/**
 * @param path without its query
 * @returns at most 160 bytes; empty where there is no path
 */
export function routeName(method: string, path: string): string {
  if (path === '') return '';
  const folded = path.slice(0, readMost).split('/').map(foldSegment).join('/');
  const shown = folded.length > pathMost ? `${folded.slice(0, pathMost - 3)}...` : folded;
  return `${methodPattern.test(method) ? method : 'OTHER'} ${shown}`;
}

const uuidPattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/iy;
/** An end of up to five letters and digits, one of them a letter, tells the kind of a file and stays. */
const extensionPattern = /\.(?=[0-9]{0,4}[a-z])[0-9a-z]{1,5}$/i;
const separators = '-_.,;:=@+~';

const digitPattern = /[0-9]/;
const idPattern = /^[0-9A-Za-z]+$/;

function foldSegment(segment: string): string {
  // Most are words: only a UUID may be an id without a digit.
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

/** Where the next separator is. */
function partEnd(stem: string, at: number): number {
  let end = at;
  while (end < stem.length && !separators.includes(stem.charAt(end))) end += 1;
  return end;
}

/** The placeholder for a part; undefined for a word. A word with a digit before or behind, `v1` or `2nd`, is one. */
function idOf(part: string): string | undefined {
  if (!digitPattern.test(part)) return undefined;
  if (/^[0-9]+$/.test(part)) return '{n}';
  if (part.length < 8 || !idPattern.test(part)) return undefined;
  if (/^[0-9A-Fa-f]+$/.test(part)) return '{hex}';
  const isMixed = /[a-z]/.test(part) && /[A-Z]/.test(part);
  return part.length >= 16 || isMixed ? '{token}' : undefined;
}
