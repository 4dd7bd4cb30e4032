/** What the checks look at: data only. The readers in `read/` gather it; undefined is what could not be known. */

import type { PoolConfig } from '../config/directives.ts';
import type { ConfigMessage } from '../config/messages.ts';
import type { UserEntry } from '../config/system.ts';
import type { IniValues } from './ini-values.ts';
import type { LiveFacts } from './live-facts.ts';
import type { LogRotation } from './logrotate-config.ts';
import type { FastcgiPass, WebServerName } from './web-facts.ts';

/** A file or folder, as its permissions are. */
export interface FileAccess {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, as in chmod(2). */
  readonly mode: number;
}

/** A folder that a web server serves, looked at to a bounded depth. */
export interface Docroot {
  readonly path: string;
  /** A link on the way to it: deployments that exchange a link. */
  readonly isLink: boolean;
  /** Scripts that were counted, and whether there are more that were not looked at. */
  readonly scripts: number;
  readonly isWhole: boolean;
  /** Small scripts that call phpinfo(). */
  readonly phpinfo: readonly string[];
  /** Folders with scripts in them, and the scripts themselves. */
  readonly code: readonly FileAccess[];
  /** Of the youngest script, milliseconds since 1970; 0 without one. */
  readonly changedAt: number;
}

export interface PhpFacts {
  /** Exact version, `8.2.36`; undefined where it is not known. */
  readonly version: string | undefined;
  readonly engine: 'native' | 'embedded' | undefined;
  /** CVEs that the distribution's changelog says are fixed in what is installed. */
  readonly fixed: ReadonlySet<string>;
  /** Version of the package on disk, without Debian's part. */
  readonly onDisk: string | undefined;
  /** Until when the distribution mends it; undefined where it does not or that is not known. ISO date. */
  readonly distributionUntil: string | undefined;
}

export interface PoolFacts {
  readonly name: string;
  readonly config: PoolConfig;
  readonly ini: IniValues;
  readonly php: PhpFacts;
  /** Undefined where it is not known to the system. */
  readonly user: UserEntry | undefined;
  readonly docroots: readonly Docroot[];
  /** The folder of sessions in files; undefined with another handler, without a setting and where it is not there. */
  readonly sessionFolder: FileAccess | undefined;
}

/** A log that the configuration names. */
export interface LogFile {
  readonly path: string;
  /** `[global]`, or `pool www`. */
  readonly subject: string;
  /** `error_log`, `slowlog` and so on. */
  readonly setting: string;
  /** The master or a host holds it open, so that it has to be told about a rotation. */
  readonly isHeld: boolean;
}

/** Workers of a pool that run now, of Hathi or PHP-FPM. */
export interface WorkerMemory {
  readonly pool: string;
  readonly workers: number;
  /** What they do not share, on average. */
  readonly averageBytes: number;
}

export interface MachineFacts {
  /** The lowest limit that holds for the master, and what is used of it now, file pages left out. */
  readonly memory: { readonly bytes: number; readonly used: number; readonly of: string } | undefined;
  readonly workers: readonly WorkerMemory[];
  readonly somaxconn: number | undefined;
  /** Soft limit of open files that the master has or would have. */
  readonly openFiles: number | undefined;
  readonly node: string;
  /** Processes of PHP that run a program that has been replaced on disk. */
  readonly replaced: readonly { readonly pid: number; readonly program: string }[];
  /** Processes that listen at the address of a pool, one for each socket that was opened. */
  readonly listeners: readonly {
    readonly listen: string;
    readonly masters: readonly { readonly pid: number; readonly name: string }[];
  }[];
}

export interface WebServer {
  readonly name: WebServerName;
  /** Main file. */
  readonly file: string;
  /** It passes requests as. */
  readonly user: UserEntry | undefined;
}

/** A unit of systemd that starts the master with this configuration. */
export interface ServiceFacts {
  readonly name: string;
  readonly file: string;
  /** Undefined where it has all the time. */
  readonly stopSeconds: number | undefined;
}

export interface PhpIniError {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

export interface Facts {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly file: string;
  readonly problems: readonly ConfigMessage[];
  /** 0 for no limit. */
  readonly processMax: number;
  /** `pid` of [global]. */
  readonly pidFile: string | undefined;
  readonly pools: readonly PoolFacts[];
  readonly iniErrors: readonly PhpIniError[];
  readonly logs: readonly LogFile[];
  /** Undefined where logrotate is not installed. */
  readonly rotation: readonly LogRotation[] | undefined;
  readonly machine: MachineFacts;
  readonly services: readonly ServiceFacts[];
  /** Owner and mode that the master gives to the socket file of a pool, by its name. */
  readonly socketOwners: ReadonlyMap<string, FileAccess>;
  readonly webServers: readonly WebServer[];
  readonly passes: readonly FastcgiPass[];
  /** Paths of Unix sockets that web servers pass to and that are not there. */
  readonly deadSockets: ReadonlySet<string>;
  /** Undefined without `--live`. */
  readonly live: LiveFacts | undefined;
  /** What could not be looked at, and why. */
  readonly unknown: readonly string[];
}
