/** The flags of php-fpm's own command line that decide how a master starts. */

/** What the flags say, once all are read. */
export interface FpmFlags {
  readonly configFile: string;
  readonly prefix: string | undefined;
  readonly pidFile: string | undefined;
  /** `-D` true, `-F` false, neither undefined. */
  readonly daemonize: boolean | undefined;
  readonly forceStderr: boolean;
  readonly allowRoot: boolean;
  /** How often `-t` was given. */
  readonly test: number;
  /** `-c` */
  readonly phpIni: string | undefined;
  /** `-n` */
  readonly noPhpIni: boolean;
  /** `-d`, each as `key=value`. */
  readonly defines: readonly string[];
}
