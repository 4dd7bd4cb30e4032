/** Datagrams to and from one address: a script's `udp://`. */

import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { LoaderSocket, socketStates } from './loader-socket.ts';

export class UdpSocket extends LoaderSocket {
  readonly #socket: Socket;

  /** @param host address */
  constructor(host: string, port: number) {
    super();
    this.#socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#socket.on('connect', () => this.opened());
    this.#socket.on('message', (data) => this.emit('message', data, true));
    this.#socket.on('error', (error) => {
      // An unreachable port is no end: a server may listen at the next datagram.
      if (this.readyState === socketStates.connecting) this.failed(error);
    });
    this.#socket.on('close', () => this.closed());
    this.#socket.connect(port, host);
  }

  override send(data: ArrayBuffer): void {
    this.#socket.send(new Uint8Array(data));
  }

  override close(): void {
    if (this.readyState >= socketStates.closing) return;
    this.readyState = socketStates.closing;
    this.#socket.close();
  }

  override destroy(): void {
    this.close();
    this.closed();
  }
}
