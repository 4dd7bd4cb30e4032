/** What goes wrong with a listening socket. */
import { errorNumber } from '../posix/libc.ts';

export interface ListenerErrorDetail {
  readonly level?: 'error' | 'alert';
  /** The failed system call. */
  readonly cause?: unknown;
  /** Wrong on every machine: a port or path that cannot be. */
  readonly isOfFiles?: boolean;
}

/**
 * A listening socket cannot be had. The text is the line for the log; `cause`, where there is one, adds its
 * error text: `log.sysError(error.message, error.cause)`.
 */
export class ListenerError extends Error {
  override readonly name: string = 'ListenerError';
  readonly level: 'error' | 'alert';
  /** The value itself is at fault; otherwise another machine might have what it asks for. */
  readonly isOfFiles: boolean;

  constructor(text: string, detail: ListenerErrorDetail = {}) {
    super(text, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.level = detail.level ?? 'error';
    this.isOfFiles = detail.isOfFiles ?? false;
  }

  /** The whole line: text and the error text of the system call. */
  get line(): string {
    if (this.cause === undefined) return this.message;
    const failure = errorNumber(this.cause);
    if (failure !== undefined) return `${this.message}: ${failure.strerror} (${failure.errno})`;
    const reason = this.cause instanceof Error ? this.cause.message : String(this.cause);
    return `${this.message}: ${reason}`;
  }
}

/** Somebody listens at the address already. A start would fail; whether that is a fault of the files is not known. */
export class AddressInUse extends ListenerError {
  override readonly name = 'AddressInUse';
}

/** Runs a step; what it throws becomes the cause of a ListenerError of that text, unless it is one already. */
export function attempt<T>(text: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof ListenerError) throw cause;
    throw new ListenerError(text, { cause });
  }
}
