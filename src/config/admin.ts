/** `admin.listen` and `admin.token`: valid addresses of the admin endpoint, and the requirements for TCP. */

import { isUnixAddress } from './paths.ts';

/** Shortest token: 16 random characters cannot be guessed over a network. */
const shortestToken = 16;

/** Loopback addresses as text; names are excluded, because they depend on the resolver. */
const loopback = /^(?:127(?:\.\d{1,3}){3}|\[::1\]):[0-9]{1,5}$/;

/** The parsed value of `admin.listen = off`: no endpoint. */
export const adminOff = '';

/** Checks the value alone. */
export function checkAdminListen(value: string): string | undefined {
  if (value === adminOff || isUnixAddress(value) || loopback.test(value)) return undefined;
  return `admin.listen '${value}' must be the path of a Unix socket, '127.0.0.1:port', '[::1]:port' or 'off'`;
}

/** Checks the value alone. The reason never contains the token, because it goes to the log. */
export function checkAdminToken(value: string): string | undefined {
  if (/^[!-~]*$/.test(value) && value.length >= shortestToken) return undefined;
  return `admin.token must have at least ${shortestToken} characters, printable ASCII without blanks`;
}

/** Checks the combination. */
export function checkAdmin(listen: string | undefined, token: string | undefined): string | undefined {
  if (listen === undefined || listen === adminOff || isUnixAddress(listen) || token !== undefined)
    return undefined;
  return `admin.listen '${listen}' is a TCP address, and every user of this machine can connect to it: set admin.token, or listen on a Unix socket`;
}
