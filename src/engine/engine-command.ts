/** Execution of a pool's host, or of the template that makes it. */

/** A program to execute. */
export interface HostCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** argv[0], which `ps` shows until the process sets its title. */
  readonly argv0?: string;
}

export interface EngineCommand {
  readonly engine: 'embedded' | 'native';
  readonly file: string;
  readonly args: readonly string[];
  readonly argv0: string;
  /** Files of the engine: a change of one of them makes it another engine. */
  readonly parts: readonly string[];
  /** The template program that makes hosts of this engine; undefined where hosts are only executed. */
  readonly template?: HostCommand;
  /** The program that keeps listening sockets of a killed master; undefined where no native engine is built. */
  readonly keeper?: HostCommand;
  /** Why this engine was chosen although a native one is built; undefined without a reason to report. */
  readonly instead?: string;
  /**
   * The ini files of the engine's own PHP-FPM: the folder of its php.ini, that file, and the files of its scan folder.
   */
  readonly iniFiles?: {
    readonly folder: string;
    readonly main: readonly string[];
    readonly scanned: readonly string[];
  };
}
