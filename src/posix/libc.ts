/**
 * Access to the C library. Prototypes are declared where they are used and loaded at their first call, so a command
 * without system calls of its own never loads the FFI. Only this folder uses FFI.
 */
import { createRequire } from 'node:module';
import { constants, endianness } from 'node:os';
import type koffiModule from 'koffi';

type Koffi = typeof koffiModule;
type Library = ReturnType<Koffi['load']>;

const require = createRequire(import.meta.url);

/** The FFI's package. */
export const ffiPackage = 'koffi';

let loaded: { koffi: Koffi; library: Library } | undefined;

/** Structures in this folder have the layout of 64-bit little-endian Linux, where glibc and musl agree. */
function load(): { koffi: Koffi; library: Library } {
  if (loaded !== undefined) return loaded;
  const pointerBits = /^(x64|arm64|riscv64|loong64|ppc64)$/.test(process.arch) ? 64 : 32;
  if (process.platform !== 'linux' || pointerBits !== 64 || endianness() !== 'LE') {
    throw new Error(
      `Hathi's system calls are made for 64-bit little-endian Linux, this is ${process.platform} on ${process.arch}`,
    );
  }
  const koffi = require(ffiPackage) as Koffi;
  loaded = { koffi, library: koffi.load(null) };
  return loaded;
}

/** The FFI library itself, for the files of this folder that decode C structures. */
export function ffi(): Koffi {
  return load().koffi;
}

/**
 * Path of the shared object in the FFI's package that this process uses. Loads it if necessary.
 *
 * @throws Error when the package was loaded without one (a build linked into Node).
 */
export function addonPath(): string {
  load();
  const path = Object.keys(require.cache).find((name) => name.endsWith(`${ffiPackage}.node`));
  if (path === undefined) throw new Error(`cannot find the shared object of the package "${ffiPackage}"`);
  return path;
}

/**
 * Declares a C function by its prototype. The first call loads it.
 *
 * @throws Error (at the first call) when the C library lacks the function.
 */
export function declare<A extends readonly unknown[], R>(prototype: string): (...args: A) => R {
  let bound: ((...args: A) => R) | undefined;
  return (...args) => {
    bound ??= load().library.func(prototype) as unknown as (...args: A) => R;
    return bound(...args);
  };
}

/**
 * As {@link declare} for a call that blocks: it runs in a thread of libuv's pool, then the event loop calls `done` with
 * its result. errno belongs to that thread and is lost.
 */
export function declareAsync<A extends readonly unknown[], R>(
  prototype: string,
): (...args: [...A, done: (result: R) => void]) => void {
  let bound: ReturnType<Library['func']> | undefined;
  return (...args) => {
    bound ??= load().library.func(prototype);
    const done = args.pop() as (result: R) => void;
    bound.async(...args, (error: Error | null, result: R) => {
      if (error !== null) throw error;
      done(result);
    });
  };
}

const cStrerror = declare<[number], string>('const char *strerror(int errnum)');
const errorNames = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  if (!errorNames.has(number)) errorNames.set(number, name);
}

/** The C library's text for an error number, strerror(3). A negative number is libuv's form. */
export function strerror(errno: number): string {
  return cStrerror(Math.abs(errno));
}

/** A failed system call. `errno` is positive, as in C. */
export class PosixError extends Error {
  readonly syscall: string;
  readonly errno: number;
  /** Symbolic name, such as `EACCES`. */
  readonly code: string;
  /** The C library's text, such as `Permission denied`. */
  readonly strerror: string;

  constructor(syscall: string, errno: number, subject?: string) {
    const text = strerror(errno);
    super(`${syscall}() failed${subject === undefined ? '' : ` for '${subject}'`}: ${text} (${errno})`);
    this.name = 'PosixError';
    this.syscall = syscall;
    this.errno = errno;
    this.code = errorNames.get(errno) ?? `E${errno}`;
    this.strerror = text;
  }
}

/** errno of the calling thread; valid only directly after a failed call. */
export function lastErrno(): number {
  return load().koffi.errno();
}

/**
 * Returns the result of a call, or throws when it is negative.
 *
 * @throws PosixError with errno of the last call.
 */
export function check(syscall: string, result: number, subject?: string): number {
  if (result < 0) throw new PosixError(syscall, lastErrno(), subject);
  return result;
}

/** libuv's own error numbers (name look-ups, end of file) start here; the C library does not know them. */
const firstLibuvErrno = 3000;

/** Number and text of any error of a system call, ours or Node's. Undefined for other errors. */
export function errorNumber(error: unknown): { errno: number; strerror: string } | undefined {
  if (error instanceof PosixError) return { errno: error.errno, strerror: error.strerror };
  const errno = (error as { errno?: unknown } | undefined)?.errno;
  if (typeof errno !== 'number' || Math.abs(errno) >= firstLibuvErrno) return undefined;
  return { errno: Math.abs(errno), strerror: strerror(errno) };
}

/** A NUL-terminated C string. @throws PosixError EINVAL for text that contains a NUL byte. */
export function cString(text: string | Uint8Array): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  if (bytes.includes(0)) throw new PosixError('cString', constants.errno.EINVAL, bytes.toString());
  const terminated = Buffer.alloc(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}

/** Repeats a call while a signal interrupts it (EINTR), signal(7). */
export function retryInterrupted(syscall: string, call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    const errno = lastErrno();
    if (errno !== constants.errno.EINTR) throw new PosixError(syscall, errno);
  }
}
