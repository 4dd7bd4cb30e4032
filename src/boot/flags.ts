/** Flags of php-fpm's own command line that affect a master's start. */

/** The values of all flags. */
export interface FpmFlags {
  readonly configFile: string;
  readonly prefix: string | undefined;
  readonly pidFile: string | undefined;
  /** `-D` true, `-F` false, otherwise undefined. */
  readonly daemonize: boolean | undefined;
  readonly forceStderr: boolean;
  readonly allowRoot: boolean;
  /** Number of `-t` flags. */
  readonly test: number;
  /** `-c` */
  readonly phpIni: string | undefined;
  /** `-n` */
  readonly noPhpIni: boolean;
  /** `-d`, each as `key=value`. */
  readonly defines: readonly string[];
}
