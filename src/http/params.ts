/**
 * The CGI parameters of a request (RFC 3875, section 4.1), with the names and meaning of nginx's own `fastcgi_params`
 * file.
 */
import type { Refusal } from './target.ts';

/** The facts about a request from which its parameters are made. Strings are binary: one character a byte. */
export interface RequestFacts {
  readonly method: string;
  /** Such as `1.1`. */
  readonly httpVersion: string;
  readonly scheme: 'http' | 'https';
  readonly uri: string;
  readonly query: string;
  /** Real path of the document root. */
  readonly docroot: string;
  readonly scriptName: string;
  readonly pathInfo: string;
  readonly host: Host;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** Bytes of the body; undefined without one. */
  readonly contentLength: number | undefined;
  /** Header fields with all their values, names in lower case. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly software: string;
  /** Identifies a request of this front, in the application's log too. */
  readonly requestId: string;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The requested host: as written, and without the port. */
export interface Host {
  readonly header: string;
  readonly name: string;
}

/** Fields that belong to the connection (RFC 9110, 7.6.1). */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Fields that never become `HTTP_*`: CGI has its own names for two of them, the front answers `Expect` itself, and HTTP
 * clients inside the application would obey HTTP_PROXY as an environment variable (httpoxy).
 */
const withheld: ReadonlySet<string> = new Set(['content-type', 'content-length', 'expect', 'host', 'proxy']);

/** The parameters in nginx's order. */
export function cgiParams(facts: RequestFacts): [string, string][] {
  const params: [string, string][] = [
    ['QUERY_STRING', facts.query],
    ['REQUEST_METHOD', facts.method],
    ['CONTENT_TYPE', facts.headers['content-type']?.[0] ?? ''],
    ['CONTENT_LENGTH', facts.contentLength === undefined ? '' : String(facts.contentLength)],
    ['SCRIPT_NAME', facts.scriptName],
    ['SCRIPT_FILENAME', `${facts.docroot}${facts.scriptName}`],
    ['REQUEST_URI', facts.uri],
    ['DOCUMENT_URI', facts.scriptName],
    ['DOCUMENT_ROOT', facts.docroot],
    ['SERVER_PROTOCOL', `HTTP/${facts.httpVersion}`],
    ['REQUEST_SCHEME', facts.scheme],
    ['GATEWAY_INTERFACE', 'CGI/1.1'],
    ['SERVER_SOFTWARE', facts.software],
    ['REMOTE_ADDR', facts.remote.address],
    ['REMOTE_PORT', String(facts.remote.port)],
    ['SERVER_ADDR', facts.local.address],
    ['SERVER_PORT', String(facts.local.port)],
    ['SERVER_NAME', facts.host.name],
    ['REDIRECT_STATUS', '200'],
    ['REQUEST_ID', facts.requestId],
  ];
  if (facts.pathInfo !== '') params.push(['PATH_INFO', facts.pathInfo]);
  if (facts.scheme === 'https') params.push(['HTTPS', 'on']);
  if (facts.host.header !== '') params.push(['HTTP_HOST', facts.host.header]);
  params.push(...headerParams(facts.headers));
  return params;
}

/**
 * `HTTP_*` parameters. A field name with other characters than letters, digits and dashes is dropped, as in nginx:
 * `X-Real_IP` and `X-Real-IP` would become the same variable, and one of them may be a forgery.
 */
export function headerParams(headers: Readonly<Record<string, readonly string[]>>): [string, string][] {
  const named = new Set(
    (headers['connection'] ?? []).flatMap((value) => value.toLowerCase().split(/[\s,]+/)),
  );
  const params: [string, string][] = [];
  for (const [name, values] of Object.entries(headers)) {
    if (!/^[a-z0-9-]+$/.test(name)) continue;
    if (withheld.has(name) || hopByHop.has(name) || named.has(name)) continue;
    const variable = `HTTP_${name.toUpperCase().replaceAll('-', '_')}`;
    params.push([variable, values.join(name === 'cookie' ? '; ' : ', ')]);
  }
  return params;
}

/**
 * Checks the requested host. An absolute-form target beats the header (RFC 9112, 3.2.2), so that PHP sees the host on
 * which the front acted.
 */
export function requestHost(authority: string | undefined, fields: readonly string[]): Host | Refusal {
  if (fields.length > 1) return { status: 400, reason: 'The request has more than one Host field' };
  const header = authority ?? fields[0] ?? '';
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]*)(?::[0-9]{0,5})?$/i.exec(header);
  if (!match) return { status: 400, reason: 'The Host field is not a host name' };
  return { header, name: match[1]!.toLowerCase() };
}
