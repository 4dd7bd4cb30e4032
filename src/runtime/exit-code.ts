/** Exit codes of the command, those of php-fpm and sysexits(3). */
export const exitCode = {
  ok: 0,
  /** Bad option or extra argument. */
  usage: 64,
  /** The engine or the master could not start. */
  software: 70,
  /** The configuration, a socket, the pid file or a permission is wrong. */
  config: 78,
} as const;
