/** Addresses of pools and of web servers' targets, compared. */

interface Tcp {
  readonly host: string;
  readonly port: string;
}

function tcpOf(address: string): Tcp | undefined {
  const [, host = '', port] = /^(?:(.*):)?(\d+)$/.exec(address) ?? [];
  return port === undefined || address.includes('/')
    ? undefined
    : { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

/** Of this machine, or any address of it. */
function isHere(host: string): boolean {
  return /^(?:127\.[\d.]+|localhost|::1|\*|0\.0\.0\.0|::|)$/i.test(host);
}

/** Whether a target is the socket that a pool listens on. */
export function leadsTo(target: string, listen: string): boolean {
  if (target === listen) return true;
  const [left, right] = [tcpOf(target), tcpOf(listen)];
  if (left === undefined || right === undefined) {
    // /var/run is a link to /run.
    return target.replace(/^\/var\/run\//, '/run/') === listen.replace(/^\/var\/run\//, '/run/');
  }
  return left.port === right.port && (left.host === right.host || (isHere(left.host) && isHere(right.host)));
}
