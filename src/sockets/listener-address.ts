/** Forms of `listen` (fpm-behaviour 4.1), and the addresses that they mean. */
import { lookup } from 'node:dns/promises';
import { isAbsolute, join } from 'node:path';
import type { SocketAddress } from '../posix/sockets.ts';
import { ListenerError } from './listener-error.ts';

/** A parsed `listen` value; host names are not looked up yet. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly text: string; readonly path: string }
  /** `host` is undefined for a lone port: any address. */
  | { readonly kind: 'tcp'; readonly text: string; readonly host: string | undefined; readonly port: number };

/**
 * Parses a `listen` value: with a colon `host:port` (split at the last one, brackets around the host allowed), digits
 * alone a port on any address, everything else the path of a Unix socket.
 *
 * @param prefix folder for a relative path.
 * @throws ListenerError for a port outside 1 to 65535, and for an empty value or host.
 */
export function parseListenAddress(text: string, prefix: string): ListenAddress {
  const colon = text.lastIndexOf(':');
  if (colon >= 0) return parseTcp(text, text.slice(0, colon), text.slice(colon + 1));
  if (/^[0-9]+$/.test(text)) return { kind: 'tcp', text, host: undefined, port: parsePort(text) };
  if (text === '')
    throw new ListenerError('no listen address have been defined!', { level: 'alert', isOfFiles: true });
  return { kind: 'unix', text, path: isAbsolute(text) ? text : join(prefix, text) };
}

function parseTcp(text: string, hostText: string, portText: string): ListenAddress {
  const port = parsePort(portText);
  const host = /^\[(.*)\]$/.exec(hostText)?.[1] ?? hostText;
  if (host === '') {
    throw new ListenerError(
      `the address '${text}' has no host: write '${port}' for any address, or '127.0.0.1:${port}'`,
      { isOfFiles: true },
    );
  }
  return { kind: 'tcp', text, host, port };
}

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new ListenerError(`invalid port value '${text}'`, { isOfFiles: true });
  return port;
}

/**
 * Socket addresses of a `listen` value, by preference: getaddrinfo(3) for a host, `::` and then `0.0.0.0` for a lone
 * port.
 *
 * @throws ListenerError `getaddrinfo: …` for an unresolvable host.
 */
export async function resolveListenAddress(address: ListenAddress): Promise<SocketAddress[]> {
  if (address.kind === 'unix') return [{ family: 'unix', path: address.path }];
  const { host, port } = address;
  if (host === undefined) {
    return [
      { family: 'ipv6', host: '::', port },
      { family: 'ipv4', host: '0.0.0.0', port },
    ];
  }
  // In glibc a star means this machine; Node would look up a host of that name.
  if (host === '*') {
    return [
      { family: 'ipv6', host: '::1', port },
      { family: 'ipv4', host: '127.0.0.1', port },
    ];
  }
  try {
    const found = await lookup(host, { all: true, order: 'verbatim' });
    return found.map((entry) => ({
      family: entry.family === 6 ? 'ipv6' : 'ipv4',
      host: entry.address,
      port,
    }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'EAI_AGAIN' ? 'Temporary failure in name resolution' : 'Name or service not known';
    throw new ListenerError(`getaddrinfo: ${reason} (${host})`);
  }
}

/** PHP-FPM's name of a listening socket: path, or `ip:port` without brackets, as in `:::9000`. */
export function socketKey(address: SocketAddress): string {
  return address.family === 'unix' ? address.path : `${address.host}:${address.port}`;
}
