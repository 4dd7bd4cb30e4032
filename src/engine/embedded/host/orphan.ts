/**
 * A host whose master has ended without a word (docs/contract.md, section 7): it waits for the next one at the socket
 * that the last one left with it, for a while.
 */

import { closeSync } from 'node:fs';
import { duplicateOnto, isReadable, receiveDescriptors, setCloseOnExec } from '../../../posix/descriptors.ts';
import { acceptWaiting, peerCredentials } from '../../../posix/sockets.ts';
import { hostFd } from '../../contract.ts';

/** The socket is looked at so often: Node's own server would read what comes with descriptors. */
const lookMs = 20;
/** A new master sends its descriptors at once. */
const greetingMs = 1000;
/** The descriptor channel, stdout, stderr. */
const passedDescriptors = 3;

export interface OrphanOptions {
  /** Listens for the next master. */
  readonly socket: number;
  readonly survivesMs: number;
  /** The user of the master. */
  readonly user: number;
  /** @param channel the control channel of the next master */
  readonly onMaster: (channel: number) => void;
  readonly onTimeUp: () => void;
}

export class Orphan {
  readonly #options: OrphanOptions;
  readonly #look: NodeJS.Timeout;
  readonly #end: NodeJS.Timeout;
  readonly #over = Promise.withResolvers<void>();

  constructor(options: OrphanOptions) {
    this.#options = options;
    this.#look = setInterval(() => this.#accept(), lookMs);
    this.#end = setTimeout(() => {
      options.onTimeUp();
      this.#over.resolve();
    }, options.survivesMs);
  }

  /** Settles when a master has come, or the time is over. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  #accept(): void {
    const { socket, user, onMaster } = this.#options;
    if (!isReadable(socket, 0)) return;
    const channel = acceptWaiting(socket);
    if (channel === undefined) return;
    try {
      if (peerCredentials(channel).uid !== user) throw new Error('it is of another user');
      takePlaces(receiveDescriptors(channel, passedDescriptors, greetingMs));
    } catch {
      // The peer is unknown: the next master still finds the socket.
      closeSync(channel);
      return;
    }
    clearInterval(this.#look);
    clearTimeout(this.#end);
    onMaster(channel);
    this.#over.resolve();
  }
}

function takePlaces(descriptors: readonly number[]): void {
  const places = [hostFd.descriptors, 1, 2];
  for (const [index, fd] of descriptors.entries()) {
    const place = places[index];
    if (place !== undefined) duplicateOnto(fd, place);
    closeSync(fd);
  }
  setCloseOnExec(hostFd.descriptors, true);
}
