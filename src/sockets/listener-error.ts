/** Errors of a listening socket. */
import { errorNumber } from '../posix/libc.ts';

export interface ListenerErrorDetail {
  readonly level?: 'error' | 'alert';
  /** The failed system call. */
  readonly cause?: unknown;
  /** Wrong on every machine: an impossible port or path. */
  readonly isOfFiles?: boolean;
}

/**
 * A listening socket is unavailable. The text is the line for the log; `cause`, if present, adds its error text:
 * `log.sysError(error.message, error.cause)`.
 */
export class ListenerError extends Error {
  override readonly name: string = 'ListenerError';
  readonly level: 'error' | 'alert';
  /** The value itself is wrong; otherwise it may be valid on another machine. */
  readonly isOfFiles: boolean;

  constructor(text: string, detail: ListenerErrorDetail = {}) {
    super(text, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.level = detail.level ?? 'error';
    this.isOfFiles = detail.isOfFiles ?? false;
  }

  /** The whole line, including the system call's error text. */
  get line(): string {
    if (this.cause === undefined) return this.message;
    const failure = errorNumber(this.cause);
    if (failure !== undefined) return `${this.message}: ${failure.strerror} (${failure.errno})`;
    const reason = this.cause instanceof Error ? this.cause.message : String(this.cause);
    return `${this.message}: ${reason}`;
  }
}

/** The address is in use. A start would fail; whether the files are wrong is unknown. */
export class AddressInUse extends ListenerError {
  override readonly name = 'AddressInUse';
}

/** Runs a step; an error becomes the cause of a ListenerError with that text, unless it is one already. */
export function attempt<T>(text: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof ListenerError) throw cause;
    throw new ListenerError(text, { cause });
  }
}
