/** A request of an audit: from a URL of the command line or a file, to FastCGI's parameters. */

import { encodeBinary } from '../text/binary.ts';

export interface AuditRequest {
  readonly method: string;
  /** Path and query, as a web server passes them on. */
  readonly target: string;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly headers: readonly Header[];
  readonly body: Uint8Array | undefined;
}

export type Header = readonly [name: string, value: string];

/** A mistake in a request; the message says which and what is valid. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

/** The application's files, as the web server would name them. */
export interface AuditSite {
  readonly docroot: string;
  /** The script that the web server names for every path that is no file. */
  readonly front: string;
}

/** The header in which each request of an audit carries a text that no other one has. */
export const markHeader = 'Hathi-Audit';

/** The beginning of that text; native/php/audit_values.c looks for it in the values that an application keeps. */
export const markPrefix = 'hathi-audit-';

/** `POST /cart?id=1`, for messages and reports. */
export function requestLabel({ method, target }: AuditRequest): string {
  return `${method} ${target}`;
}

const longestTarget = 64 * 1024;

/**
 * Reads a path with its query, or a whole URL.
 *
 * @throws RequestError
 */
export function parseUrl(text: string): Pick<AuditRequest, 'target' | 'scheme' | 'host'> {
  const fail = (why: string): never => {
    throw new RequestError(`cannot request ${JSON.stringify(text.slice(0, 200))}: ${why}`);
  };
  const whole = /^(https?):\/\/([^/?#]*)([^#]*)(#.*)?$/s.exec(text);
  if (whole === null && !text.startsWith('/'))
    fail('must be a path that begins with "/", or a URL with http:// or https://');
  const [scheme, host, target] =
    whole === null ? ['http', 'localhost', text] : [whole[1], whole[2] ?? '', whole[3] ?? ''];
  if (text.includes('#')) fail('a fragment ("#…") is never sent to a server, leave it out');
  if (!/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(host)) fail(`"${host}" is no host`);
  if (/[\u0000-\u0020\u007f]/.test(target))
    fail('it has a blank or a control character, write it as %20 or %XX');
  if (target.length > longestTarget) fail(`it is longer than ${longestTarget} characters`);
  const path = target.startsWith('/') ? target : `/${target}`;
  return {
    scheme: scheme === 'https' ? 'https' : 'http',
    host,
    // As browsers and curl send it.
    target: path.replace(/[^\u0021-\u007e]+/gu, (part) => encodeURIComponent(part.toWellFormed())),
  };
}

/** @throws RequestError */
export function parseMethod(text: string): string {
  if (/^[A-Z][A-Z0-9_-]{0,31}$/.test(text)) return text;
  throw new RequestError(
    `cannot use the method ${JSON.stringify(text)}: must be capitals, such as GET or POST`,
  );
}

/**
 * Reads `Name: value`.
 *
 * @throws RequestError
 */
export function parseHeader(text: string): Header {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined && !/[\u0000\r\n]/.test(value)) return [name, value];
  throw new RequestError(
    `cannot send the header ${JSON.stringify(text.slice(0, 200))}: must be 'Name: value' on one line`,
  );
}

/** The parameters that a web server would send, as binary strings. */
export function fastCgiParams(
  request: AuditRequest,
  { docroot, front }: AuditSite,
  mark: string,
): [string, string][] {
  const { method, target, scheme, host, body } = request;
  const queryAt = target.indexOf('?');
  const name = front.startsWith(`${docroot}/`) ? front.slice(docroot.length) : `/${front.split('/').at(-1)}`;
  const isForm = body !== undefined;
  const params = new Map<string, string>([
    ['QUERY_STRING', queryAt === -1 ? '' : target.slice(queryAt + 1)],
    ['REQUEST_METHOD', method],
    ['CONTENT_TYPE', isForm ? 'application/x-www-form-urlencoded' : ''],
    ['CONTENT_LENGTH', isForm ? String(body.length) : ''],
    ['SCRIPT_NAME', name],
    ['REQUEST_URI', target],
    ['DOCUMENT_URI', name],
    ['DOCUMENT_ROOT', docroot],
    ['SERVER_PROTOCOL', 'HTTP/1.1'],
    ['REQUEST_SCHEME', scheme],
    ...(scheme === 'https' ? [['HTTPS', 'on'] as const] : []),
    ['GATEWAY_INTERFACE', 'CGI/1.1'],
    ['SERVER_SOFTWARE', 'hathi-audit'],
    ['REMOTE_ADDR', '127.0.0.1'],
    ['REMOTE_PORT', '0'],
    ['SERVER_ADDR', '127.0.0.1'],
    ['SERVER_PORT', /:(\d+)$/.exec(host)?.[1] ?? (scheme === 'https' ? '443' : '80')],
    ['SERVER_NAME', host.replace(/:\d+$/, '')],
    ['SCRIPT_FILENAME', front],
    ['HTTP_HOST', host],
  ]);
  for (const [header, value] of [...request.headers, [markHeader, mark] as const]) {
    const variable = header.toUpperCase().replaceAll('-', '_');
    params.set(variable === 'CONTENT_TYPE' ? variable : `HTTP_${variable}`, value);
  }
  // The length is that of the body, whatever a header says.
  params.delete('HTTP_CONTENT_LENGTH');
  return [...params].map(([key, value]) => [encodeBinary(key), encodeBinary(value)]);
}
