/**
 * The environment of a configuration. The command line has the real one, tests have their own. All paths, names and
 * values are binary strings (latin1, one character a byte), as everywhere in a configuration: `Buffer.from(path,
 * 'latin1')` is the form for system calls.
 */

/** A failed system call. */
export interface SystemFailure {
  /** strerror(3): `No such file or directory`. */
  readonly message: string;
  /** 0 when the file was refused without a failed call. */
  readonly errno: number;
  /** The file is under the control of others: no error of the configuration. */
  readonly isForeign?: boolean;
}

export interface UserEntry {
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
  readonly name: string;
  readonly home: string;
  /** All groups of the user, including the primary one. */
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
  /** Whether lstat(2) succeeds. */
  exists(path: string): boolean;
  /** Whether stat(2) reports a folder. */
  isDirectory(path: string): boolean;
  /**
   * Opens a log for appending (mode 0600 when it is created) and closes it again; undefined on success.
   *
   * @param user user of the log's pool: in a folder that others may write, that user may own the file
   */
  openForAppend(path: string, user?: string): SystemFailure | undefined;
  /** By name, or by id if all digits. */
  lookupUser(user: string): UserEntry | undefined;
  /** By name, or by id if all digits. */
  lookupGroup(group: string): { readonly gid: number; readonly name: string } | undefined;
  /** An environment variable of the master. */
  environment(name: string): string | undefined;
  /** A value of the loaded php.ini or of `-d`, for `${name}`; undefined when unset. */
  iniValue(name: string): string | undefined;
  /** A PHP constant in addition to `constants.ts`. */
  constant(name: string): string | undefined;
  /** Warnings about a format of the access log; undefined or empty when valid. */
  checkAccessFormat(format: string): readonly string[] | undefined;
}

/** Distinguishes a failure from a result. */
export function failed(result: unknown): result is SystemFailure {
  return typeof result === 'object' && result !== null && 'errno' in result;
}

/** The end of a log line about a failed system call: `: No such file or directory (2)`. */
export function describeFailure({ message, errno }: SystemFailure): string {
  return errno === 0 ? `: ${message}` : `: ${message} (${errno})`;
}
