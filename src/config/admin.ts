/** `admin.listen` and `admin.token`: where the admin endpoint may listen, and what a TCP address needs. */

import { isUnixAddress } from './paths.ts';

/** Shortest token: 16 characters of a random text are out of reach of guessing over a network. */
const shortestToken = 16;

/** Loopback addresses as text; a name is not one, since it depends on the resolver. */
const loopback = /^(?:127(?:\.\d{1,3}){3}|\[::1\]):[0-9]{1,5}$/;

/** What the grammar makes of `admin.listen = off`: there is to be no endpoint. */
export const adminOff = '';

/** A check of the value alone. */
export function checkAdminListen(value: string): string | undefined {
  if (value === adminOff || isUnixAddress(value) || loopback.test(value)) return undefined;
  return `admin.listen '${value}' must be the path of a Unix socket, '127.0.0.1:port', '[::1]:port' or 'off'`;
}

/** A check of the value alone. The reason never repeats the token: it goes to the log. */
export function checkAdminToken(value: string): string | undefined {
  if (/^[!-~]*$/.test(value) && value.length >= shortestToken) return undefined;
  return `admin.token must have at least ${shortestToken} characters, printable ASCII without blanks`;
}

/** Whether the two fit together. */
export function checkAdmin(listen: string | undefined, token: string | undefined): string | undefined {
  if (listen === undefined || listen === adminOff || isUnixAddress(listen) || token !== undefined)
    return undefined;
  return `admin.listen '${listen}' is a TCP address, which every user of this machine can reach: set admin.token, or listen on a Unix socket`;
}
