/** Compares addresses of pools, of web servers' targets and of sockets. */

export interface Tcp {
  /** Without brackets; '' means all addresses. */
  readonly host: string;
  readonly port: string;
}

/** `9000`, `host:port` or `[IPv6]:port`; undefined for the path of a Unix socket. */
export function tcpOf(address: string): Tcp | undefined {
  const [, host = '', port] = /^(?:(.*):)?(\d+)$/.exec(address) ?? [];
  return port === undefined || address.includes('/')
    ? undefined
    : { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

/** To PHP-FPM a star means this machine (glibc resolves it so). */
export function isLoopback(host: string): boolean {
  return /^(?:127\.[\d.]+|localhost|::1|\*)$/i.test(host);
}

function isAny(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

/** Whether a target is the socket on which a pool listens. */
export function leadsTo(target: string, listen: string): boolean {
  if (target === listen) return true;
  const [left, right] = [tcpOf(target), tcpOf(listen)];
  if (left === undefined || right === undefined) {
    // /var/run is a link to /run.
    return target.replace(/^\/var\/run\//, '/run/') === listen.replace(/^\/var\/run\//, '/run/');
  }
  const isHere = ({ host }: Tcp): boolean => isLoopback(host) || isAny(host);
  return left.port === right.port && (left.host === right.host || (isHere(left) && isHere(right)));
}

/** Whether an open socket has a pool's address: other addresses may have the same port. */
export function isSameAddress(open: Tcp, listen: Tcp): boolean {
  if (open.port !== listen.port) return false;
  if (open.host === listen.host || (isAny(open.host) && isAny(listen.host))) return true;
  return /^(?:localhost|\*)$/i.test(listen.host) && isLoopback(open.host);
}
