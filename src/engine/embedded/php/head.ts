/** The response head as it goes over FastCGI: the `Status:` line if required, then the headers. */

/** Reason phrases known to PHP's CGI family; other codes have none. */
const reasons: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Requested Range Not Satisfiable',
  417: 'Expectation Failed',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  511: 'Network Authentication Required',
};

/** Longest status line of PHP-FPM. */
const maxStatusLine = 1023;

/** PHP's data about the response when it sends the head. */
export interface ResponseHead {
  readonly status: number;
  /** `HTTP/1.1 451 Custom` if the script set one. */
  readonly statusLine?: string | undefined;
  /** Header lines without line ends, in order. */
  readonly headers: readonly string[];
}

function isStatusHeader(line: string): boolean {
  return /^Status:./i.test(line);
}

/** Settings `cgi.nph` and `cgi.rfc2616_headers`. */
export interface HeadOptions {
  readonly nph: boolean;
  readonly rfc2616: boolean;
}

/** The first line; undefined if the script set its own `Status:` header or none is required. */
function statusLine(head: ResponseHead, options: HeadOptions): string | undefined {
  if (head.status === 200 && !options.nph) return undefined;
  if (options.rfc2616 && head.statusLine !== undefined) return head.statusLine;
  const explicit = /^HTTP\/[^ ]*( .*)$/is.exec(head.statusLine ?? '')?.[1];
  if (explicit !== undefined) return `Status:${explicit}`;
  if (head.headers.some(isStatusHeader)) return undefined;
  const reason = reasons[head.status];
  return reason === undefined ? `Status: ${head.status}` : `Status: ${head.status} ${reason}`;
}

/**
 * The head as bytes (latin1), including the final empty line. Rules of the `Status:` line: RFC 3875 section 6.3.3 and
 * PHP-FPM's treatment of explicit `HTTP/` lines, `Status:` headers and 304.
 */
export function composeHead(head: ResponseHead, options: HeadOptions): string {
  const first = statusLine(head, options)?.slice(0, maxStatusLine);
  const lines = first === undefined ? [] : [first];
  let statusSent = first !== undefined;
  for (const line of head.headers) {
    if (line === '') continue;
    if (isStatusHeader(line)) {
      if (statusSent) continue;
      statusSent = true;
    } else if (head.status === 304 && /^Content-Type:/i.test(line)) continue;
    lines.push(line);
  }
  return `${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}
