/** poll() and select() for PHP's streams, for both sockets and pipes: they wait for all of them at once. */

import { suspending } from './boundary.ts';
import type { FsStream, SocketState } from './emscripten.ts';
import type { Engine, EngineImports } from './engine.ts';
import type { LoaderSocket } from './loader-socket.ts';
import type { PollOperations } from './pipes.ts';
import type { Waiting } from './waiting.ts';

/** Events of poll() in the engine's C library. */
const events = { in: 1, priority: 2, out: 4, error: 8, hangUp: 16, invalid: 32 } as const;
/** Events for each set of select(); those of the third one never occur here. */
const selectEvents = [events.in | events.hangUp | events.error, events.out | events.error, 0] as const;
/** Regular files and similar ones are always ready. */
const alwaysReady = events.in | events.out;
/** Polling interval for streams without notification, in milliseconds. */
const lookMs = 10;
const socketEvents = ['message', 'open', 'close', 'error'] as const;

/** A descriptor and its wanted events. */
interface Interest {
  readonly fd: number;
  readonly events: number;
}

export class Polling {
  readonly #waiting: Waiting;
  readonly #engine: () => Engine;

  constructor(engine: () => Engine, waiting: Waiting) {
    this.#engine = engine;
    this.#waiting = waiting;
  }

  /** Replaces the loader's poll() of one descriptor. */
  repair(imports: EngineImports): void {
    const poll = async (fd: number, wanted: number, timeout: number): Promise<number> => {
      await this.#wait([{ fd, events: wanted }], timeout);
      return this.#ready({ fd, events: wanted }) === 0 ? 0 : 1;
    };
    imports['__asyncjs__wasm_poll_socket'] = suspending(poll, () => -1);
  }

  /** A C function pointer to select(); see {@link replacedFunctions} of stack-guard.ts. */
  selectPointer(): number {
    const select = (...args: [number, number, number, number, number]): Promise<number> =>
      this.#select(...args);
    return this.#engine().pointer(
      'iiiiii',
      suspending(select, () => -1),
    );
  }

  async #select(
    count: number,
    read: number,
    write: number,
    except: number,
    timeout: number,
  ): Promise<number> {
    const sets = [read, write, except];
    const interests = sets.map((set, index) => this.#members(set, count, selectEvents[index] ?? 0));
    await this.#wait(interests.flat(), this.#milliseconds(timeout));
    let ready = 0;
    for (const [index, set] of sets.entries()) {
      for (const interest of interests[index] ?? []) {
        if (this.#ready(interest) !== 0) ready += 1;
        else this.#remove(set, interest.fd);
      }
    }
    return ready;
  }

  /** Descriptors of a set, one bit each in words of 32. */
  #members(set: number, count: number, wanted: number): Interest[] {
    const { memory } = this.#engine();
    const found: Interest[] = [];
    if (set === 0) return found;
    for (let fd = 0; fd < count; fd += 1) {
      if ((memory.word(set + (fd >>> 5) * 4) >>> (fd & 31)) & 1) found.push({ fd, events: wanted });
    }
    return found;
  }

  #remove(set: number, fd: number): void {
    const { memory } = this.#engine();
    const word = set + (fd >>> 5) * 4;
    memory.setWord(word, memory.word(word) & ~(1 << (fd & 31)));
  }

  /** A `struct timeval`; -1 without one: no limit. */
  #milliseconds(timeout: number): number {
    if (timeout === 0) return -1;
    const { memory } = this.#engine();
    const seconds = Number(memory.bytes.readBigInt64LE(timeout));
    return seconds * 1000 + Math.ceil(memory.bytes.readInt32LE(timeout + 8) / 1000);
  }

  /** The events that have occurred: wanted ones, and those always reported. */
  #ready({ fd, events: wanted }: Interest): number {
    const stream = this.#engine().fs.getStream(fd);
    if (stream === null || stream === undefined) return events.invalid;
    const poll = (stream.stream_ops as Partial<PollOperations>).poll;
    const mask = poll === undefined ? alwaysReady : poll(stream);
    return mask & (wanted === 0 ? 0 : wanted | events.error | events.hangUp);
  }

  /** Returns when one is ready, the time is up, or the request must end. */
  async #wait(interests: readonly Interest[], milliseconds: number): Promise<void> {
    const isReady = (): boolean => interests.some((interest) => this.#ready(interest) !== 0);
    if (isReady()) return this.#waiting.breathe();
    if (milliseconds === 0) {
      await this.#waiting.turn();
      return;
    }
    const end = milliseconds < 0 ? Number.POSITIVE_INFINITY : performance.now() + milliseconds;
    for (let left = end - performance.now(); left > 0; left = end - performance.now()) {
      if (!(await this.#waiting.for((wake) => this.#watch(interests, left, wake)))) return;
      if (isReady()) return;
    }
  }

  /** @returns a function that stops it */
  #watch(interests: readonly Interest[], milliseconds: number, wake: () => void): () => void {
    const stops = interests.map(({ fd }) => this.#watchStream(this.#engine().fs.getStream(fd), wake));
    if (milliseconds !== Number.POSITIVE_INFINITY) stops.push(after(Math.ceil(milliseconds), wake));
    return () => {
      for (const stop of stops) stop();
    };
  }

  #watchStream(stream: FsStream | null, wake: () => void): () => void {
    const watch = (stream?.stream_ops as Partial<PollOperations> | undefined)?.watch;
    if (watch !== undefined) return watch(wake);
    const sockets = stream === null ? [] : socketsOf(stream.node.sock);
    if (sockets.length === 0) return after(lookMs, wake);
    for (const socket of sockets) for (const event of socketEvents) socket.on(event, wake);
    return () => {
      for (const socket of sockets) for (const event of socketEvents) socket.off(event, wake);
    };
  }
}

/** Node's timers are limited to 24 days. */
const longestTimer = 2 ** 31 - 1;

function after(milliseconds: number, wake: () => void): () => void {
  const timer = setTimeout(wake, Math.min(milliseconds, longestTimer));
  return () => clearTimeout(timer);
}

function socketsOf(sock: SocketState | undefined): LoaderSocket[] {
  const peers =
    (sock as { peers?: Record<string, { readonly socket: LoaderSocket }> } | undefined)?.peers ?? {};
  return Object.values(peers).map(({ socket }) => socket);
}
