/** The life of a host that the last master had made: no child of this process, so its end is that of its channel. */

import { Socket } from 'node:net';
import type { HostLife, LifeListener } from './host-life.ts';
import type { Survivor } from './survivor.ts';

export class AdoptedLife implements HostLife {
  readonly pid: number;
  readonly channel: Socket;
  readonly #process: Survivor['process'];
  readonly #streams: readonly Socket[];
  #isLetGo = false;

  constructor({ record, process, channel, output }: Survivor, listener: LifeListener) {
    this.pid = record.pid;
    this.#process = process;
    this.channel = new Socket({ fd: channel });
    const streams = output.map((fd) => new Socket({ fd }));
    this.#streams = [this.channel, ...streams];
    for (const [index, stream] of streams.entries()) {
      const name = index === 0 ? 'stdout' : 'stderr';
      stream.on('error', () => stream.destroy());
      stream.on('data', (bytes) => listener.onChatter(name, bytes.toString('utf8')));
    }
    this.channel.once('close', () => {
      // One that closed its channel and lives could still accept connections.
      if (!this.#isLetGo && this.#process.isAlive) this.#process.signal('SIGKILL');
      this.#process.close();
      listener.onExit(null, null);
    });
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.channel.closed) this.#process.signal(signal);
  }

  letGo(): void {
    this.#isLetGo = true;
    this.release();
  }

  release(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}
