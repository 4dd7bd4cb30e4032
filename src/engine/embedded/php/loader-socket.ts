/** The loader's interface to a socket: the surface of a WebSocket. */

import { EventEmitter } from 'node:events';

/** `readyState` values. */
export const socketStates = { connecting: 0, open: 1, closing: 2, closed: 3 } as const;

/** All open sockets of this thread, to close them when the instance forgets them. */
const open = new Set<LoaderSocket>();

/** Emits `open`, `message` with bytes and `true`, `error`, `close`. */
export abstract class LoaderSocket extends EventEmitter {
  readonly CONNECTING = socketStates.connecting;
  readonly OPEN = socketStates.open;
  readonly CLOSING = socketStates.closing;
  readonly CLOSED = socketStates.closed;
  binaryType = 'arraybuffer';
  readyState: number = socketStates.connecting;
  /** Node's error code, such as `ECONNREFUSED`. */
  failure: string | undefined;

  constructor() {
    super();
    // Waiting for several events at once adds several listeners each time.
    this.setMaxListeners(0);
    open.add(this);
  }

  abstract send(data: ArrayBuffer): void;
  abstract close(): void;
  /** Closes it at once. */
  abstract destroy(): void;

  addEventListener(event: string, listener: (...args: unknown[]) => void): void {
    this.on(event, listener);
  }

  removeEventListener(event: string, listener: (...args: unknown[]) => void): void {
    this.off(event, listener);
  }

  protected opened(): void {
    this.readyState = socketStates.open;
    this.emit('open');
  }

  protected failed(error: NodeJS.ErrnoException): void {
    this.failure = error.code ?? 'EIO';
    this.readyState = socketStates.closed;
    this.emit('error', error);
  }

  protected closed(): void {
    if (!open.delete(this)) return;
    this.readyState = socketStates.closed;
    this.emit('close');
  }
}

/** Closes all open sockets of this thread. */
export function destroySockets(): void {
  for (const socket of [...open]) socket.destroy();
}
