/** Exit codes of the command, as php-fpm's (and sysexits(3)) have them. */
export const exitCode = {
  ok: 0,
  /** Bad option or extra argument. */
  usage: 64,
  /** The engine or the master could not be started. */
  software: 70,
  /** The configuration, a socket, the pid file or a permission is not right. */
  config: 78,
} as const;
