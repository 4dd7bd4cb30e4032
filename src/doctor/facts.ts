/** Input of the checks: data only. The readers in `read/` collect it; undefined means unknown. */

import type { PoolConfig } from '../config/directives.ts';
import type { ConfigMessage } from '../config/messages.ts';
import type { UserEntry } from '../config/system.ts';
import type { IniValues } from './ini-values.ts';
import type { LiveFacts } from './live-facts.ts';
import type { LogRotation } from './logrotate-config.ts';
import type { FastcgiPass, WebServerName } from './web-facts.ts';

/** A file or folder with its permissions. */
export interface FileAccess {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, as in chmod(2). */
  readonly mode: number;
  /** An access control list, which the group bits of the mode only bound. */
  readonly list?: AccessList | undefined;
}

/** The entries of acl(5) that the mode does not have; permissions are the bits of a class of the mode. */
export interface AccessList {
  readonly users: readonly { readonly id: number; readonly permissions: number }[];
  readonly groups: readonly { readonly id: number; readonly permissions: number }[];
  readonly groupObject: number;
  readonly mask: number;
}

/** A folder served by a web server, scanned to a limited depth. */
export interface Docroot {
  readonly path: string;
  /** Without links. */
  readonly realPath: string;
  /** A link is on the path: deployments that swap a link. */
  readonly isLink: boolean;
  /** Number of scripts, and whether some were not scanned. */
  readonly scripts: number;
  readonly isWhole: boolean;
  /** Small scripts that call phpinfo(). */
  readonly phpinfo: readonly string[];
  /** Scripts that set memory_limit to a literal: `-1`, `512M`. */
  readonly raises: readonly { readonly path: string; readonly limit: string }[];
  /** Folders that contain scripts, and the scripts themselves. */
  readonly code: readonly FileAccess[];
  /** Files by which Apache's users change its settings for a folder. */
  readonly htaccess: readonly { readonly path: string; readonly text: string }[];
  /** Time of the newest script, milliseconds since 1970; 0 without one. */
  readonly changedAt: number;
}

export interface PhpFacts {
  /** Exact version, `8.2.36`; undefined when unknown. */
  readonly version: string | undefined;
  readonly engine: 'native' | 'embedded' | undefined;
  /** CVEs that the distribution's changelog lists as fixed in the installed package. */
  readonly fixed: ReadonlySet<string>;
  /** Version of the package on disk, without Debian's suffix. */
  readonly onDisk: string | undefined;
  /** End of support by the distribution; undefined when unsupported or unknown. ISO date. */
  readonly distributionUntil: string | undefined;
}

export interface PoolFacts {
  readonly name: string;
  readonly config: PoolConfig;
  readonly ini: IniValues;
  readonly php: PhpFacts;
  /** Undefined when the system does not know the user. */
  readonly user: UserEntry | undefined;
  readonly docroots: readonly Docroot[];
  /** Folder of session files; undefined with another handler, without a setting, and when it is missing. */
  readonly sessionFolder: FileAccess | undefined;
}

/** A log of the configuration. */
export interface LogFile {
  readonly path: string;
  /** `[global]`, or `pool www`. */
  readonly subject: string;
  /** `error_log`, `slowlog` and so on. */
  readonly setting: string;
  /** The master or a host keeps it open, so a rotation must notify it. */
  readonly isHeld: boolean;
}

/** Running workers of a pool, of Hathi or PHP-FPM. */
export interface WorkerMemory {
  readonly pool: string;
  readonly workers: number;
  /** Average private memory. */
  readonly averageBytes: number;
}

export interface MachineFacts {
  /** The lowest memory limit of the master, and the memory in use below it, without file pages. */
  readonly memory: { readonly bytes: number; readonly used: number; readonly of: string } | undefined;
  readonly workers: readonly WorkerMemory[];
  readonly somaxconn: number | undefined;
  /** Current or expected soft limit of open files of the master. */
  readonly openFiles: number | undefined;
  readonly node: string;
  /** Processes of PHP whose program was replaced on disk. */
  readonly replaced: readonly { readonly pid: number; readonly program: string }[];
  /** Processes that listen at a pool's address, one for each open socket. */
  readonly listeners: readonly {
    readonly listen: string;
    readonly masters: readonly { readonly pid: number; readonly name: string }[];
  }[];
}

export interface WebServer {
  readonly name: WebServerName;
  /** Main file. */
  readonly file: string;
  /** The user that passes requests. */
  readonly user: UserEntry | undefined;
}

/** A systemd unit that starts the master with this configuration. */
export interface ServiceFacts {
  readonly name: string;
  readonly file: string;
  /** Undefined without a limit. */
  readonly stopSeconds: number | undefined;
}

export interface PhpIniError {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** A package of PHP that apt could replace by a newer one. */
export interface PackageUpdate {
  readonly name: string;
  readonly installed: string;
  readonly candidate: string;
  /** The newer one is in an archive of security fixes. */
  readonly isSecurity: boolean;
}

export interface Facts {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly file: string;
  readonly problems: readonly ConfigMessage[];
  /** 0: no limit. */
  readonly processMax: number;
  /** `pid` of [global]. */
  readonly pidFile: string | undefined;
  readonly pools: readonly PoolFacts[];
  readonly iniErrors: readonly PhpIniError[];
  readonly logs: readonly LogFile[];
  /** Undefined when logrotate is not installed. */
  readonly rotation: readonly LogRotation[] | undefined;
  readonly machine: MachineFacts;
  readonly updates: readonly PackageUpdate[];
  readonly services: readonly ServiceFacts[];
  /** Owner and mode of a pool's socket file, by pool name. */
  readonly socketOwners: ReadonlyMap<string, FileAccess>;
  readonly webServers: readonly WebServer[];
  readonly passes: readonly FastcgiPass[];
  /** Apache loads mod_php. */
  readonly hasModPhp: boolean;
  /** Paths of missing Unix sockets to which web servers pass. */
  readonly deadSockets: ReadonlySet<string>;
  /** Undefined without `--live`. */
  readonly live: LiveFacts | undefined;
  /** Things that could not be examined, with reasons. */
  readonly unknown: readonly string[];
}
