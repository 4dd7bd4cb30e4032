/**
 * What the main thread of the embedded host and a worker thread say to each other. The main thread owns the
 * sockets, the queue and the scoreboard; a worker thread owns one PHP instance and runs one request at a time.
 *
 * Every string that comes from FastCGI is a "binary string" (latin1: one character a byte), so nothing is lost
 * for names and values that are not UTF-8.
 */

import type { MessagePort } from 'node:worker_threads';
import type { Variables } from './variables.ts';

/** workerData of a worker thread. */
export interface ThreadSettings {
  /** The thread's number within its host, unique for the life of the host (also the engine's process id). */
  readonly threadNumber: number;
  /** PHP version of the engine package, `8.4`. */
  readonly phpVersion: string;
  /** Compiled module, shared by all threads of the host. */
  readonly module: WebAssembly.Module;
  /** Absolute path of the engine's loader (a JS module), found by the host before it gave up its rights. */
  readonly loaderPath: string;
  /** Files of the engine's extensions, by name; read by the host before it gave up its rights. */
  readonly extensions?: ReadonlyMap<string, Uint8Array> | undefined;
  /** php.ini text for the instance, complete (defaults, main php.ini, -d, hardening). */
  readonly phpIni: string;
  readonly phpIniFiles: readonly string[];
  /** User-level ini of the pool, in file order (the first of a duplicate wins). */
  readonly phpValue: readonly (readonly [string, string])[];
  /** System-level ini of the pool: cannot be changed by scripts. Same order rule. */
  readonly phpAdminValue: readonly (readonly [string, string])[];
  /** The worker's environment: getenv(), and the start of $_SERVER. */
  readonly env: readonly (readonly [string, string])[];
  /** `engine.isolation`: `worker` keeps the instance between requests, `request` restores it after each. */
  readonly isolation: 'worker' | 'request';
  /** WASM memory in bytes over which the instance is recycled after the request. */
  readonly heapLimit: number;
  /** Memory of the host's first instance after its boot ({@link Note}); absent for that one itself. */
  readonly image?: SharedArrayBuffer | undefined;
  /** Shared memory between the two sides; layout in {@link sharedWord}. */
  readonly shared: SharedArrayBuffer;
  /** Port for synchronous questions of the thread to the main thread (fpm_get_status), and for its notes. */
  readonly syncPort: MessagePort;
}

/** Int32 words of {@link ThreadSettings.shared}. */
export const sharedWord = {
  /** Bytes of output that the main thread has still to write: the thread waits while it is over the window. */
  outputPending: 0,
  /** Milliseconds since the request's start, at least 1, once the client is gone: the engine treats further output as
   * failed and aborts the script as PHP does, and max_execution_time counts what the script waits. 0 before. */
  clientGone: 1,
  /** Wakes the thread when the answer to a synchronous question is on syncPort. */
  syncReply: 2,
  /** Milliseconds since the request's start after which PHP's max_execution_time is over; 0 is no limit. Written
   * by the thread whenever PHP (re)starts its timer. */
  executionLimit: 3,
  /** The limit in seconds as PHP states it, for the message. */
  executionSeconds: 4,
  /** Bytes of `body` messages that the thread has not taken over yet: the main thread adds what it posts and stops
   * reading from the client over {@link bodyWindowBytes}; the thread subtracts what it took and notifies the word. */
  bodyPending: 5,
} as const;
export const sharedBytes = 64;

/** Output that may be under way from a thread to its socket before the thread has to wait. */
export const outputWindowBytes = 1024 * 1024;

/** Body that may be under way from a socket to its thread before the socket is no longer read. */
export const bodyWindowBytes = 1024 * 1024;

/** One request, after the host has resolved the script (fix-ups done, extension allowed, file exists). */
export interface PhpRequest {
  /** FastCGI parameters after the fix-ups, as $_SERVER is to show them, in the order in which PHP-FPM shows them. */
  readonly params: Variables;
  /** Path of the script to run. */
  readonly script: string;
  /** CONTENT_LENGTH as a number, 0 without a body. */
  readonly contentLength: number;
  /** The body when it is complete at dispatch; absent when it follows in `body` messages. */
  readonly body?: Uint8Array<ArrayBuffer>;
  /** PHP_VALUE and PHP_ADMIN_VALUE of this request, as ini text. */
  readonly phpValue?: string;
  readonly phpAdminValue?: string;
}

/** Main thread to worker thread. */
export type ToThread =
  /** A request (message-text.ts) without a body, or whose body follows in `body` messages. */
  | string
  /** A request with its whole body. */
  | { readonly type: 'run'; readonly request: string; readonly body: Uint8Array<ArrayBuffer> }
  /** A piece of the body, which is the receiver's to free; the last one has `end`. */
  | { readonly type: 'body'; readonly id: number; readonly bytes: Uint8Array; readonly end: boolean }
  /** Leave when idle: shut PHP down in order and exit the thread. */
  | { readonly type: 'exit' };

/** Worker thread to main thread. `done` goes as text (message-text.ts). */
export type FromThread =
  | {
      readonly type: 'up';
      /** Kernel thread id, what /proc and `ps -L` show. */
      readonly tid: number;
      /** Exact PHP version, `8.4.25`. */
      readonly php: string;
      readonly extensions: readonly string[];
      readonly zendExtensions: readonly string[];
    }
  /** The instance cannot be started; the thread exits. */
  | { readonly type: 'failed'; readonly message: string }
  /** Response header block as it goes over FastCGI: `Status:` line where one is due, header lines, empty line. */
  | { readonly type: 'head'; readonly id: number; readonly status: number; readonly bytes: Uint8Array }
  /** A piece of the body (transferred). Counted in sharedWord.outputPending by the thread, released by the main thread. */
  | { readonly type: 'out'; readonly id: number; readonly bytes: Uint8Array }
  /** fastcgi_finish_request(): the response is complete, the script goes on. */
  | { readonly type: 'finished'; readonly id: number }
  /** What PHP or the SAPI around it logged, without newline: for FCGI_STDERR and for the worker's own stderr. */
  | {
      readonly type: 'log';
      readonly id: number;
      readonly author: 'php' | 'sapi';
      readonly bytes: Uint8Array;
    }
  /** Bytes that the script wrote to php://stdout or php://stderr. */
  | {
      readonly type: 'output';
      readonly id: number;
      readonly stream: 'stdout' | 'stderr';
      readonly bytes: Uint8Array;
    }
  /** What the thread's OPcache says of itself (opcache-figures.ts), with a request about once a second. */
  | { readonly type: 'opcache'; readonly id: number; readonly figures: readonly number[] }
  | {
      readonly type: 'done';
      readonly id: number;
      readonly outcome: Outcome;
      /** Header block, where it is not sent yet, as a binary string. */
      readonly head?: string;
      /** The last bytes of the body, a binary string; not counted in sharedWord.outputPending. */
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
 * What a thread asks on syncPort while it stands still. The main thread posts the answer on the same port, then
 * adds 1 to sharedWord.syncReply and notifies it. Without an answer within {@link syncTimeout} the thread goes on.
 */
export type SyncQuestion = { readonly type: 'status' };
/** What a thread tells on syncPort, without an answer: its memory after the boot, for the threads to come. */
export type Note = { readonly type: 'image'; readonly image: SharedArrayBuffer };
/** Answer to `status`: what fpm_get_status() returns, as JSON text; absent when there is nothing to show. */
export interface SyncAnswer {
  readonly json?: string;
}
/** Milliseconds that a thread waits for an answer. */
export const syncTimeout = 2000;

/** How a request ended inside the engine. */
export const outcomes = {
  /** Script ended, exit() included: the instance takes the next request. */
  ok: 'ok',
  /** PHP ended by a fatal bail-out (parse error, uncaught exception, out of memory): answered in order; the
   * instance was restored or is being replaced and says `up` again when it is clean. */
  bailout: 'bailout',
  /** The engine trapped (WebAssembly error): what was sent was sent. The instance says `up` again when it is clean. */
  trap: 'trap',
} as const;
export type Outcome = (typeof outcomes)[keyof typeof outcomes];
