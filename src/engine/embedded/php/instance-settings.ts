/** Input of an instance, its interface to its thread, and the result of a request. */

import type { LogLevel, Outcome } from '../shared/protocol.ts';
import type { HeapHost } from './heap-limit.ts';
import type { OutputStream } from './streams.ts';
import type { PublishDeadline } from './time-limit.ts';

export interface InstanceSettings {
  readonly module: WebAssembly.Module;
  readonly loaderPath: string;
  /** `8.4` */
  readonly phpVersion: string;
  readonly threadNumber: number;
  readonly phpIni: string;
  /** Source files of the text, by the paths that the master sent. */
  readonly phpIniFiles: readonly string[];
  readonly phpValue: readonly (readonly [string, string])[];
  readonly phpAdminValue: readonly (readonly [string, string])[];
  readonly env: readonly (readonly [string, string])[];
  /** Files of the engine's extensions, by name (readEngine of engine-files.ts). */
  readonly extensions?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Memory of another instance with the same settings, from {@link InstanceHost.image}. */
  readonly image?: SharedArrayBuffer | undefined;
  /** phpinfo() prints text, as in PHP's command line. */
  readonly plainPhpinfo?: boolean;
}

/** An instance's interface to its thread. */
export interface InstanceHost {
  readonly publishDeadline: PublishDeadline;
  /** Answer to fpm_get_status() as JSON. */
  readonly status: () => string | undefined;
  /** A message for the log; during a request it belongs to that. */
  readonly log: (message: string, level?: LogLevel) => void;
  /** A message of PHP beside requests. */
  readonly phpLog: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** This instance's memory after its boot, for later instances; only called when none was given. */
  readonly image: (image: SharedArrayBuffer) => void;
  /** Standard output and error of scripts and their children. */
  readonly output: OutputStream;
  /** Growth of the memory, and its limit. */
  readonly heap: HeapHost;
  /** OPcache's figures, about once a second (opcache-figures.ts). */
  readonly opcache: (figures: readonly number[]) => void;
  /** Time at which the client of the running request left, by performance.now(); undefined while it is connected. */
  readonly abandonedAt: () => number | undefined;
}

/** Results of a request besides its output. */
export interface RunResult {
  readonly outcome: Outcome;
  readonly status: number;
  readonly memoryPeak: number;
  readonly user: string;
  /** The last output, not delivered yet: a binary string. */
  readonly rest: string;
  /** Worker mode: PHP's memory in use behind the request, bytes. */
  readonly memoryInUse?: number;
}
