/** A TCP connection with the surface that the engine's loader expects of a socket (that of a WebSocket). */

import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';

/** `readyState` values. */
const states = { connecting: 0, open: 1, closing: 2, closed: 3 } as const;

/** All connections that this thread has open, to end them when the instance forgets them. */
const open = new Set<TcpSocket>();

export class TcpSocket extends EventEmitter {
  readonly CONNECTING = states.connecting;
  readonly OPEN = states.open;
  readonly CLOSING = states.closing;
  readonly CLOSED = states.closed;
  binaryType = 'arraybuffer';
  readyState: number = states.connecting;
  /** Node's code of what went wrong, such as `ECONNREFUSED`. */
  failure: string | undefined;
  readonly #socket: Socket;

  /** @param host address, or path of a Unix socket */
  constructor(host: string, port: number) {
    super();
    // Waiting for several things at once adds several listeners each time.
    this.setMaxListeners(0);
    open.add(this);
    this.#socket = connect(host.startsWith('/') ? { path: host } : { host, port, noDelay: true });
    this.#socket.on('connect', () => {
      this.readyState = states.open;
      this.emit('open');
    });
    this.#socket.on('data', (data) => this.emit('message', data, true));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.failure = error.code ?? 'EIO';
      this.readyState = states.closed;
      this.emit('error', error);
    });
    // The peer's half-close is all that the loader can tell PHP: reading gives end of file.
    this.#socket.on('close', () => this.#closed());
  }

  #closed(): void {
    if (!open.delete(this)) return;
    this.readyState = states.closed;
    this.emit('close');
  }

  addEventListener(event: string, listener: (...args: unknown[]) => void): void {
    this.on(event, listener);
  }

  removeEventListener(event: string, listener: (...args: unknown[]) => void): void {
    this.off(event, listener);
  }

  send(data: ArrayBuffer): void {
    this.#socket.write(new Uint8Array(data));
  }

  close(): void {
    if (this.readyState >= states.closing) return;
    this.readyState = states.closing;
    this.#socket.end();
  }

  /** Ends it at once. */
  destroy(): void {
    this.#socket.destroy();
    this.#closed();
  }
}

/** Ends all connections of this thread. */
export function destroySockets(): void {
  for (const socket of [...open]) socket.destroy();
}
