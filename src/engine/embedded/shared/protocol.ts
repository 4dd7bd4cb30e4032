/**
 * Messages between the main thread of the embedded host and a worker thread. The main thread owns the sockets, the
 * queue and the scoreboard; a worker thread owns one PHP instance and runs one request at a time.
 *
 * Every string from FastCGI is a "binary string" (latin1: one character a byte), so names and values outside UTF-8 stay
 * intact.
 */

import type { MessagePort } from 'node:worker_threads';
import type { Variables } from './variables.ts';

/** workerData of a worker thread. */
export interface ThreadSettings {
  /** The thread's number within its host, never reused (also the engine's process id). */
  readonly threadNumber: number;
  /** PHP version of the engine package, `8.4`. */
  readonly phpVersion: string;
  /** Compiled module, shared by all threads of the host. */
  readonly module: WebAssembly.Module;
  /** Absolute path of the engine's JavaScript loader, resolved before the host gave up its rights. */
  readonly loaderPath: string;
  /** Files of the engine's extensions, by name; read before the host gave up its rights. */
  readonly extensions?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Complete php.ini text of the instance (defaults, main php.ini, -d, hardening). */
  readonly phpIni: string;
  readonly phpIniFiles: readonly string[];
  /** User-level ini of the pool, in file order (the first of duplicates wins). */
  readonly phpValue: readonly (readonly [string, string])[];
  /** System-level ini of the pool: scripts cannot change it. Same order rule. */
  readonly phpAdminValue: readonly (readonly [string, string])[];
  /** The worker's environment: getenv(), and the start of $_SERVER. */
  readonly env: readonly (readonly [string, string])[];
  /** `engine.isolation`: `worker` keeps the instance between requests, `request` restores it after each. */
  readonly isolation: 'worker' | 'request';
  /** Size of the WASM memory in bytes above which the instance is recycled after a request. */
  readonly heapLimit: number;
  /** `pm.max_memory_hard` in bytes, 0 without a limit: the instance's memory does not grow beyond it. */
  readonly hardLimit: number;
  /** Memory of the host's first instance after its boot ({@link Note}); undefined for that instance. */
  readonly image?: SharedArrayBuffer | undefined;
  /** Shared memory between the two sides; layout in {@link sharedWord}. */
  readonly shared: SharedArrayBuffer;
  /** Port for the thread's synchronous questions to the main thread (fpm_get_status), and for its notes. */
  readonly syncPort: MessagePort;
}

/** Int32 words of {@link ThreadSettings.shared}. */
export const sharedWord = {
  /** Bytes of output that the main thread has not written yet: the thread waits while they exceed the window. */
  outputPending: 0,
  /**
   * Milliseconds since the request's start, at least 1, when the client left: the engine then treats output as failed
   * and aborts the script as PHP does, and max_execution_time includes the script's waits. 0 before.
   */
  clientGone: 1,
  /** Wakes the thread when the answer to a synchronous question is on syncPort. */
  syncReply: 2,
  /**
   * Milliseconds since the request's start at which PHP's max_execution_time ends; 0 means no limit. The thread writes
   * it whenever PHP (re)starts its timer.
   */
  executionLimit: 3,
  /** The limit in seconds, for PHP's message. */
  executionSeconds: 4,
  /**
   * Bytes of `body` messages that the thread has not taken yet: the main thread adds the posted bytes and stops reading
   * from the client above {@link bodyWindowBytes}; the thread subtracts the taken bytes and notifies the word.
   */
  bodyPending: 5,
  /**
   * Size of the instance in WebAssembly's pages since its last growth, or the size that {@link ThreadSettings.hardLimit}
   * refused; then the thread waits for its end. 0 before.
   */
  heapPages: 6,
} as const;
export const sharedBytes = 64;

/** Maximum of output in flight from a thread to its socket; above it the thread waits. */
export const outputWindowBytes = 1024 * 1024;

/** Maximum of body bytes in flight from a socket to its thread; above it the socket is not read. */
export const bodyWindowBytes = 1024 * 1024;

/** One request with its resolved script (fix-ups done, extension allowed, file exists). */
export interface PhpRequest {
  /** FastCGI parameters after the fix-ups, in PHP-FPM's order of $_SERVER. */
  readonly params: Variables;
  /** Path of the script. */
  readonly script: string;
  /** CONTENT_LENGTH, 0 without a body. */
  readonly contentLength: number;
  /** The body, if complete at dispatch; undefined when it follows in `body` messages. */
  readonly body?: Uint8Array<ArrayBuffer>;
  /** PHP_VALUE and PHP_ADMIN_VALUE of this request, as ini text. */
  readonly phpValue?: string;
  readonly phpAdminValue?: string;
}

/** Worker mode: the application of a pool's workers. */
export interface ApplicationSettings {
  /** `worker.script` */
  readonly script: string;
  /** `worker.on_exit = reboot` */
  readonly rebootsOnExit: boolean;
  /** `worker.reset` */
  readonly resets: readonly string[];
}

/** Level of a message by the engine. */
export type LogLevel = 'error' | 'warning' | 'notice';

/** Main thread to worker thread. */
export type ToThread =
  /** A request (message-text.ts) without a body, or with a body in later `body` messages. */
  | string
  /** A request with its whole body. */
  | { readonly type: 'run'; readonly request: string; readonly body: Uint8Array<ArrayBuffer> }
  /** A piece of the body, owned by the receiver; the last one has `end`. */
  | { readonly type: 'body'; readonly id: number; readonly bytes: Uint8Array; readonly end: boolean }
  /** Makes an idle thread boot an application; another `up` follows, or `unbooted`. */
  | { readonly type: 'boot'; readonly application: ApplicationSettings }
  /** Asks an idle thread to shut PHP down and exit. */
  | { readonly type: 'exit' };

/** Worker thread to main thread. `done` goes as text (message-text.ts). */
export type FromThread =
  | {
      readonly type: 'up';
      /** Kernel thread id, as in /proc and `ps -L`. */
      readonly tid: number;
      /** Exact PHP version, `8.4.25`. */
      readonly php: string;
      readonly extensions: readonly string[];
      readonly zendExtensions: readonly string[];
    }
  /** The instance cannot start; the thread exits. */
  | { readonly type: 'failed'; readonly message: string }
  /** Worker mode: the application cannot be booted; the thread exits. */
  | { readonly type: 'unbooted'; readonly reason: string }
  /** Response header block as it goes over FastCGI: `Status:` line if required, header lines, empty line. */
  | { readonly type: 'head'; readonly id: number; readonly status: number; readonly bytes: Uint8Array }
  /**
   * A piece of the body (transferred). The thread adds it to sharedWord.outputPending, the main thread subtracts it.
   */
  | { readonly type: 'out'; readonly id: number; readonly bytes: Uint8Array }
  /** fastcgi_finish_request(): the response is complete, the script continues. */
  | { readonly type: 'finished'; readonly id: number }
  /**
   * Worker mode: the response is complete. The application may still be busy, until `done`, which has the rest of the
   * figures.
   */
  | {
      readonly type: 'answered';
      readonly id: number;
      readonly status: number;
      /** Header block as a binary string, unless it was sent earlier. */
      readonly head?: string;
      /** The last bytes of the body, a binary string. */
      readonly rest: string;
      readonly memoryPeak: number;
      readonly cpuMicros: number;
      readonly user: string;
      /** PHP's memory in use, bytes. */
      readonly memoryInUse: number;
    }
  /** A log message of PHP or its SAPI, without newline: for FCGI_STDERR and the worker's own stderr. */
  | {
      readonly type: 'log';
      readonly id: number;
      readonly author: 'php' | 'sapi';
      /** Of one by the SAPI; an error unless it says so. */
      readonly level?: LogLevel;
      readonly bytes: Uint8Array;
    }
  /** Bytes that the script wrote to php://stdout or php://stderr. */
  | {
      readonly type: 'output';
      readonly id: number;
      readonly stream: 'stdout' | 'stderr';
      readonly bytes: Uint8Array;
    }
  /** Figures of the thread's OPcache (opcache-figures.ts), with a request, about once a second. */
  | { readonly type: 'opcache'; readonly id: number; readonly figures: readonly number[] }
  | {
      readonly type: 'done';
      readonly id: number;
      readonly outcome: Outcome;
      /** Header block as a binary string, unless it was sent earlier. */
      readonly head?: string;
      /** The last bytes of the body, a binary string; not in sharedWord.outputPending. */
      readonly rest: string;
      /** HTTP status of the response. */
      readonly status: number;
      /** Peak of memory_get_peak_usage() in this request, bytes. */
      readonly memoryPeak: number;
      /** Size of the WASM memory, bytes. */
      readonly heapBytes: number;
      /** CPU time of the thread for this request, microseconds. */
      readonly cpuMicros: number;
      /** PHP_AUTH_USER. */
      readonly user: string;
    };

/**
 * A question on syncPort, for which the thread blocks. The main thread posts the answer on the same port, then adds 1
 * to sharedWord.syncReply and notifies it. Without an answer within {@link syncTimeout} the thread continues.
 */
export type SyncQuestion = { readonly type: 'status' };
/** A note on syncPort, without an answer: the memory after the boot, for later threads. */
export type Note = { readonly type: 'image'; readonly image: SharedArrayBuffer };
/** Answer to `status`: the result of fpm_get_status() as JSON text; undefined without one. */
export interface SyncAnswer {
  readonly json?: string;
}
/** Time limit for an answer in milliseconds. */
export const syncTimeout = 2000;

/** Outcome of a request inside the engine. */
export const outcomes = {
  /** The script ended, possibly by exit(): the instance takes the next request. */
  ok: 'ok',
  /**
   * PHP ended by a fatal bail-out (parse error, uncaught exception, out of memory): the response is complete; the
   * instance is restored or replaced and says `up` again when it is clean.
   */
  bailout: 'bailout',
  /**
   * The engine trapped (WebAssembly error): the response stays incomplete. The instance says `up` again when it is
   * clean.
   */
  trap: 'trap',
} as const;
export type Outcome = (typeof outcomes)[keyof typeof outcomes];
