/**
 * Where worker threads come from and where they go: it starts them, keeps at most one warm spare ahead, and sees
 * to it that each one really ends.
 */

import { threadStates } from './thread-states.ts';
import { type StartThread, type UpMessage, WorkerHandle } from './worker-handle.ts';

export class WorkerThreads {
  readonly #start: StartThread;
  readonly #onStuck: (threadNumber: number) => void;
  /** Every thread that is not gone. */
  readonly #alive = new Set<WorkerHandle>();
  #spare: WorkerHandle | undefined;
  #lastNumber = 0;
  #bootMs = 0;
  #onEmpty: (() => void) | undefined;

  /** @param onStuck a thread does not end: only the end of the whole host helps. */
  constructor(start: StartThread, onStuck: (threadNumber: number) => void) {
    this.#start = start;
    this.#onStuck = onStuck;
  }

  /** Boots the spare and waits for it: shows whether PHP starts at all, and which PHP it is. */
  bootFirst(): Promise<UpMessage> {
    const handle = this.prepareSpare();
    return new Promise((resolve, reject) => {
      handle.events = {
        onIdle: () => {
          handle.events = undefined;
          if (handle.facts !== undefined) resolve(handle.facts);
        },
        onRequestMessage: () => {},
        onGone: (reason) => reject(new Error(reason ?? 'the first worker left while it started')),
      };
    });
  }

  /** What the last boot took, milliseconds. */
  get bootMs(): number {
    return this.#bootMs;
  }

  /** The next {@link take} gives a worker that has booted. */
  get spareIsReady(): boolean {
    return this.#spare?.state === threadStates.idle;
  }

  /** Starts a spare unless there is one. */
  prepareSpare(): WorkerHandle {
    this.#spare ??= this.#create();
    return this.#spare;
  }

  /** The spare when there is one, booted or booting, else a new worker. */
  take(): WorkerHandle {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare ?? this.#create();
  }

  /** An idle worker is not needed any more. */
  release(handle: WorkerHandle): void {
    if (handle.state !== threadStates.gone) handle.leave();
  }

  destroy(handle: WorkerHandle): void {
    handle.end();
  }

  /** Ends the spare and resolves when no thread is left. */
  async emptied(): Promise<void> {
    this.#spare?.end();
    this.#spare = undefined;
    if (this.#alive.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  #create(): WorkerHandle {
    const number = ++this.#lastNumber;
    const handle = new WorkerHandle(number, this.#start);
    this.#alive.add(handle);
    handle.onStuck = () => this.#onStuck(number);
    handle.onBooted = (milliseconds) => {
      this.#bootMs = milliseconds;
    };
    handle.onExit = () => {
      this.#alive.delete(handle);
      // A spare that died is not missed before somebody takes one.
      if (this.#spare === handle) this.#spare = undefined;
      if (this.#alive.size === 0) this.#onEmpty?.();
    };
    return handle;
  }
}
