/**
 * A file of requests, in the form that editors know as `.http`:
 *
 *     ### a name
 *     POST /cart?id=1
 *     Content-Type: application/json
 *
 *     {"count": 2}
 *
 * `###` separates requests; `#` or `//` before a request begins a comment; a body of one line `< FILE` is read from
 * that file. The newline at the end of a body is not part of it.
 */

import {
  type AuditRequest,
  type Header,
  parseHeader,
  parseMethod,
  parseUrl,
  RequestError,
} from './request.ts';

/**
 * @param text the file, decoded as UTF-8
 * @param file its name, for messages
 * @param read reads a body's file
 * @param common headers of every request; one of the same name in the file replaces it
 * @throws RequestError with file and line
 */
export function parseRequestFile(
  text: string,
  file: string,
  read: (name: string) => Uint8Array,
  common: readonly Header[] = [],
): AuditRequest[] {
  const requests: AuditRequest[] = [];
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  let start = 0;
  while (start <= lines.length) {
    const separator = lines.findIndex((line, index) => index >= start && line.startsWith('###'));
    const end = separator === -1 ? lines.length : separator;
    const request = parseBlock(lines.slice(start, end), { file, line: start + 1, read, common });
    if (request !== undefined) requests.push(request);
    start = end + 1;
  }
  if (requests.length > 0) return requests;
  throw new RequestError(`${file}: no request in it: a request begins with a line such as "GET /path"`);
}

interface Block {
  readonly file: string;
  /** Number of its first line. */
  readonly line: number;
  readonly read: (name: string) => Uint8Array;
  readonly common: readonly Header[];
}

function parseBlock(lines: readonly string[], block: Block): AuditRequest | undefined {
  const first = lines.findIndex((line) => line.trim() !== '' && !/^\s*(?:#|\/\/)/.test(line));
  if (first === -1) return undefined;
  const at = (index: number): string => `${block.file}:${block.line + index}`;
  return placed(at(first), () => {
    const [, method = 'GET', url = ''] =
      /^(?:(\S+)[ \t]+)?(\S+)(?:[ \t]+HTTP\/[\d.]+)?[ \t]*$/.exec(lines[first] ?? '') ?? [];
    if (url === '') throw new RequestError(`cannot read the request: must be "METHOD URL"`);
    const empty = lines.findIndex((line, index) => index > first && line.trim() === '');
    const headEnd = empty === -1 ? lines.length : empty;
    const given = lines.slice(first + 1, headEnd).map((line, index) => {
      return placed(at(first + 1 + index), () => parseHeader(line));
    });
    return {
      method: parseMethod(method),
      ...parseUrl(url),
      headers: withCommon(given, block.common),
      body: placed(at(headEnd), () => bodyOf(lines.slice(headEnd + 1), block.read)),
    };
  });
}

function withCommon(given: readonly Header[], common: readonly Header[]): Header[] {
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  return [...common.filter(([name]) => !names.has(name.toLowerCase())), ...given];
}

function bodyOf(lines: readonly string[], read: Block['read']): Uint8Array | undefined {
  let end = lines.length;
  while (end > 0 && lines[end - 1]?.trim() === '') end -= 1;
  if (end === 0) return undefined;
  const file = end === 1 ? /^<[ \t]+(.+?)[ \t]*$/.exec(lines[0] ?? '')?.[1] : undefined;
  return file === undefined ? Buffer.from(lines.slice(0, end).join('\n'), 'utf8') : read(file);
}

/** Adds file and line to an error, unless a closer place is there already. */
function placed<Result>(place: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof RequestError) || error instanceof PlacedError) throw error;
    throw new PlacedError(`${place}: ${error.message}`);
  }
}

class PlacedError extends RequestError {}
