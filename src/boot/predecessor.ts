/** The new side of an upgrade: this process was started by a master that it is to replace. */

import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Predecessor } from '../master/predecessor.ts';
import { setCloseOnExec } from '../posix/descriptors.ts';
import { ownVersion } from '../runtime/module.ts';
import { Listener } from '../sockets/listener.ts';
import {
  type Descent,
  type FromNew,
  type FromOld,
  HandoverChannel,
  handoverFds,
  handoverVariable,
  receiveAll,
} from './handover-channel.ts';

export class Handover {
  readonly descent: Descent;
  readonly #channel: HandoverChannel<FromOld, FromNew>;

  private constructor(descent: Descent) {
    this.descent = descent;
    for (const fd of Object.values(handoverFds)) setCloseOnExec(fd, true);
    this.#channel = new HandoverChannel(new Socket({ fd: handoverFds.control }));
  }

  /** Undefined in a process that replaces nobody. Removes the marker from the environment, so that no worker sees it. */
  static fromEnvironment(env: NodeJS.ProcessEnv): Handover | undefined {
    const descent = env[handoverVariable];
    delete env[handoverVariable];
    return descent === 'background' || descent === 'foreground' ? new Handover(descent) : undefined;
  }

  /** Inherited from the other master. */
  get descriptors(): readonly number[] {
    return Object.values(handoverFds);
  }

  /** Asks for the sockets. @throws Error when the other one is gone; PosixError where they cannot be had */
  async begin(): Promise<Predecessor> {
    this.#channel.send({ type: 'hello', version: ownVersion() });
    const { origins, hasAdmin, serves } = await this.#expect('sockets');
    const fds = receiveAll(handoverFds.descriptors, origins.length);
    closeSync(handoverFds.descriptors);
    const listeners = fds.map((fd, index) =>
      Listener.adopt(fd, origins[index] === 'systemd' ? 'systemd' : 'inherited'),
    );
    const admin = hasAdmin ? listeners.pop() : undefined;
    return {
      sockets: { placed: listeners, admin },
      serves: new Set(serves),
      prepared: async () => {
        this.#channel.send({ type: 'prepared' });
        await this.#expect('go');
      },
      serving: async () => {
        this.#channel.send({ type: 'serving' });
        // Its end without a word makes this process the master as well.
        await this.#channel.next();
        this.#channel.close();
      },
    };
  }

  /** It stays the master. */
  failed(reasons: readonly string[]): void {
    this.#channel.send({ type: 'failed', reasons });
  }

  async #expect<Type extends FromOld['type']>(type: Type): Promise<Extract<FromOld, { type: Type }>> {
    const message = await this.#channel.next();
    if (message?.type === type) return message as Extract<FromOld, { type: Type }>;
    throw new Error('the master before this one has ended or has changed its mind');
  }
}
