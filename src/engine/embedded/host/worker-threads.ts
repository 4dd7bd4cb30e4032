/**
 * Starts worker threads, keeps at most one warm spare, and ensures that each thread really ends.
 */

import { threadStates } from './thread-states.ts';
import { type StartThread, type UpMessage, WorkerHandle } from './worker-handle.ts';

export class WorkerThreads {
  readonly #start: StartThread;
  readonly #onStuck: (threadNumber: number) => void;
  /** All threads that have not ended. */
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

  /** Boots the spare and waits for it: shows whether PHP starts, and its version. */
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

  /** Duration of the last boot, milliseconds. */
  get bootMs(): number {
    return this.#bootMs;
  }

  /** The next {@link take} returns a booted worker. */
  get spareIsReady(): boolean {
    return this.#spare?.state === threadStates.idle;
  }

  /** Starts a spare unless there is one. */
  prepareSpare(): WorkerHandle {
    this.#spare ??= this.#create();
    return this.#spare;
  }

  /** The spare, booted or booting, or else a new worker. */
  take(): WorkerHandle {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare ?? this.#create();
  }

  /** An idle worker is no longer needed. */
  release(handle: WorkerHandle): void {
    if (handle.state !== threadStates.gone) handle.leave();
  }

  destroy(handle: WorkerHandle): void {
    handle.end();
  }

  /** Ends the spare; resolves when no thread is left. */
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
      // A dead spare is replaced at the next take().
      if (this.#spare === handle) this.#spare = undefined;
      if (this.#alive.size === 0) this.#onEmpty?.();
    };
    return handle;
  }
}
