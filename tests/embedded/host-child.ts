/** The process of a host in a test, executed or forked, with everything below it. */
import type { Duplex } from 'node:stream';
import type { HostLife, LifeListener } from '../../src/generation/host-life.ts';
import { descendants, signalProcess } from '../harness/processes.ts';

/** Those that no test has ended yet. */
const running = new Set<HostChild>();
process.on('exit', () => {
  for (const child of running) child.signalAll();
});

export class HostChild {
  /** Null while it runs, and when a signal ended it. */
  exitCode: number | null = null;
  signalCode: NodeJS.Signals | null = null;
  readonly exited: Promise<void>;
  readonly #life: HostLife;

  constructor(start: (listener: Pick<LifeListener, 'onUnstarted' | 'onExit'>) => HostLife) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.exited = promise;
    running.add(this);
    this.#life = start({
      onUnstarted: () => {},
      onExit: (code, signal) => {
        running.delete(this);
        this.exitCode = code;
        this.signalCode = signal;
        resolve();
      },
    });
  }

  get pid(): number {
    return this.#life.pid;
  }

  get channel(): Duplex | undefined {
    return this.#life.channel;
  }

  kill(signal: NodeJS.Signals): void {
    this.#life.kill(signal);
  }

  signalAll(): void {
    const below = this.pid === 0 ? [] : descendants(this.pid);
    this.kill('SIGKILL');
    for (const id of below) signalProcess(id, 'SIGKILL');
  }

  /** Kills it with everything below it and waits until it is reaped. */
  async killTree(): Promise<void> {
    if (!running.has(this)) return;
    this.signalAll();
    await this.exited;
  }
}
