import { once } from 'node:events';
import net from 'node:net';
import { errorCode, FastCgiError } from './errors.ts';

export type ConnectAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * Connects. The socket is half-open: the response is read to its end even if the body was sent in part only.
 * @throws FastCgiError `connect-failed` or `aborted`.
 */
export async function connectSocket(address: ConnectAddress, signal?: AbortSignal): Promise<net.Socket> {
  const socket = net.connect({ ...address, allowHalfOpen: true, noDelay: true });
  try {
    await once(socket, 'connect', signal === undefined ? {} : { signal });
    return socket;
  } catch (cause) {
    socket.on('error', () => {}).destroy();
    if (signal?.aborted) throw abortedError(signal);
    const text = `Cannot connect to ${addressText(address)}: ${(cause as Error).message}`;
    throw new FastCgiError(errorCode.connectFailed, text, { cause });
  }
}

/** The error of a request whose signal was aborted. */
export function abortedError(signal: AbortSignal): FastCgiError {
  const { reason } = signal;
  const text = reason instanceof Error ? reason.message : String(reason);
  return new FastCgiError(errorCode.aborted, `Cannot finish the request: it was aborted: ${text}`, {
    cause: reason,
  });
}

function addressText(address: ConnectAddress): string {
  return 'path' in address ? `"${address.path}"` : `"${address.host}:${address.port}"`;
}
