/** The header of a CGI response (RFC 3875, section 6) as the header of an HTTP response. */
import type { CgiHead } from '../fastcgi/cgi-response.ts';
import type { Exchange } from './exchange.ts';
import { hopByHop } from './params.ts';

const noBytes = new Uint8Array(0);

/**
 * Sends the header at once, so that a client sees it while the script still runs.
 *
 * @returns the announced length of the body in bytes; undefined when unknown.
 * @throws Error when a field is invalid in HTTP.
 */
export function sendHead(exchange: Exchange, head: CgiHead): number | undefined {
  const { response } = exchange;
  if (head.status < 200 || head.status > 999) {
    throw new Error(`the status ${head.status} is not one of a final response`);
  }
  let length: number | undefined;
  for (const [name, value] of head.headers) {
    const lower = name.toLowerCase();
    if (hopByHop.has(lower)) continue;
    if (lower !== 'content-length') response.appendHeader(name, value);
    else if (/^[0-9]{1,15}$/.test(value)) length = Number(value);
  }
  const bodiless = head.status === 204 || head.status === 304;
  if (length !== undefined && head.status !== 204) response.setHeader('Content-Length', length);
  // The unread body would be parsed as the next request.
  if (exchange.hasUnreadBody) response.setHeader('Connection', 'close');
  if (head.reason === '') response.writeHead(head.status);
  else response.writeHead(head.status, head.reason);
  // flushHeaders() would encode the header as UTF-8 and change values that are bytes.
  response.write(noBytes);
  return bodiless ? undefined : length;
}
