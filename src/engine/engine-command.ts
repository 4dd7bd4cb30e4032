/** How the host of a pool, or the template that makes it, is executed. */

/** A program to be executed. */
export interface HostCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** argv[0], what `ps` shows until the process sets its title. */
  readonly argv0?: string;
}

export interface EngineCommand {
  readonly engine: 'embedded' | 'native';
  readonly file: string;
  readonly args: readonly string[];
  readonly argv0: string;
  /** Files that it is made of: where one of them changes, it is another engine. */
  readonly parts: readonly string[];
  /** The program of the template that makes hosts of this engine; absent where hosts are only executed. */
  readonly template?: HostCommand;
  /** Why it is this engine where a native one has been built; absent where there is nothing to tell. */
  readonly instead?: string;
  /** What PHP-FPM of the engine's own PHP would read: the folder of its php.ini, that, and those of its scan folder. */
  readonly iniFiles?: {
    readonly folder: string;
    readonly main: readonly string[];
    readonly scanned: readonly string[];
  };
}
