/**
 * Everything outside that a configuration depends on. The command line makes the real one; tests make theirs.
 * Every path, name and value is a binary string (latin1, one character a byte), as everything in a configuration:
 * `Buffer.from(path, 'latin1')` is what the system takes.
 */

/** A system call that failed. */
export interface SystemFailure {
  /** strerror(3): `No such file or directory`. */
  readonly message: string;
  /** 0 where no call failed, and what was found was refused. */
  readonly errno: number;
  /** What stands there is of others' making: no fault of the configuration. */
  readonly isForeign?: boolean;
}

export interface UserEntry {
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
  readonly name: string;
  readonly home: string;
  /** Every group of the user, primary one included. */
  readonly groups: readonly number[];
}

export interface ConfigSystem {
  /** `process.platform`: some directives exist on one system only. */
  readonly platform: string;
  /** The effective user is root. */
  readonly isRoot: boolean;
  /** `-R` was given. */
  readonly allowRoot: boolean;
  /** The file as a binary string (latin1). */
  readFile(path: string): string | SystemFailure;
  /** The names in a folder, without `.` and `..`. */
  readDirectory(path: string): readonly string[] | SystemFailure;
  /** lstat(2) succeeds. */
  exists(path: string): boolean;
  /** stat(2) says that it is a folder. */
  isDirectory(path: string): boolean;
  /**
   * Opens a log for appending, creates it with mode 0600, and closes it again; undefined when that worked.
   *
   * @param user of the pool that the log is of: in a folder that others may write the file may be that user's
   */
  openForAppend(path: string, user?: string): SystemFailure | undefined;
  /** By name, or by id when all are digits. */
  lookupUser(user: string): UserEntry | undefined;
  /** By name, or by id when all are digits. */
  lookupGroup(group: string): { readonly gid: number; readonly name: string } | undefined;
  /** An environment variable of the master. */
  environment(name: string): string | undefined;
  /** A value of the php.ini that was loaded and of `-d`, for `${name}`; undefined when it has none. */
  iniValue(name: string): string | undefined;
  /** A PHP constant beyond those of `constants.ts`. */
  constant(name: string): string | undefined;
  /** The warnings about a format of the access log; undefined or empty when it is right. */
  checkAccessFormat(format: string): readonly string[] | undefined;
}

/** Tells a failure from a result. */
export function failed(result: unknown): result is SystemFailure {
  return typeof result === 'object' && result !== null && 'errno' in result;
}

/** The end of a log line about a failed system call: `: No such file or directory (2)`. */
export function describeFailure({ message, errno }: SystemFailure): string {
  return errno === 0 ? `: ${message}` : `: ${message} (${errno})`;
}
