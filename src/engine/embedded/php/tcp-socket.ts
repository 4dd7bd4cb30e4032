/** A connection over TCP or to a Unix socket. */

import { connect, type Socket } from 'node:net';
import { LoaderSocket, socketStates } from './loader-socket.ts';

export class TcpSocket extends LoaderSocket {
  readonly #socket: Socket;

  /** @param host address, or path of a Unix socket; an abstract name begins with a NUL */
  constructor(host: string, port: number) {
    super();
    this.#socket = connect(/^[/\0]/.test(host) ? { path: host } : { host, port, noDelay: true });
    this.#socket.on('connect', () => this.opened());
    this.#socket.on('data', (data) => this.emit('message', data, true));
    this.#socket.on('error', (error) => this.failed(error));
    // The loader can only pass the peer's half-close to PHP: reads then return end of file.
    this.#socket.on('close', () => this.closed());
  }

  override send(data: ArrayBuffer): void {
    this.#socket.write(new Uint8Array(data));
  }

  override close(): void {
    if (this.readyState >= socketStates.closing) return;
    this.readyState = socketStates.closing;
    this.#socket.end();
  }

  override destroy(): void {
    this.#socket.destroy();
    this.closed();
  }
}
