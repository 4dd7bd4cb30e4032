/** The master of an audit: in this process, with the audit's two pools and nothing else. */

import { createAdminServer } from '../../admin/server.ts';
import { defaultConfigFile } from '../../boot/default-config-file.ts';
import { poolIdentity } from '../../boot/identity.ts';
import { obstacles } from '../../boot/obstacles.ts';
import { findPhpIni } from '../../boot/php-ini.ts';
import { readConfigurationText } from '../../boot/text-configuration.ts';
import type { Configuration } from '../../config/directives.ts';
import { installedEngine } from '../../engine/choice/select.ts';
import type { PhpIniSource } from '../../engine/ini-files.ts';
import { ErrorLog } from '../../log/error-log.ts';
import { Master } from '../../master/master.ts';
import type { AuditOptions } from './options.ts';
import { AuditError } from './worker-lane.ts';

export interface AuditMaster {
  /** Output of the workers and the master, latest last. */
  readonly log: readonly string[];
  /** Ids of the workers' user; undefined where they are this process's. */
  readonly identity: { readonly uid: number; readonly gid: number } | undefined;
  /** @throws AuditError when the application does not boot */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Time and level of a log line. */
const logPrefix = /^\[[^\]]*\] /;
/** Lines that are kept: an application may write without end. */
const mostLines = 200;

/** @throws AuditError when no native engine is built, or the configuration is refused */
export function auditMaster(options: AuditOptions, configText: string, auditSocket: string): AuditMaster {
  const lines: string[] = [];
  const log = new ErrorLog({
    sink: (line, origin) => {
      lines.push(origin === 'worker' ? line : line.replace(logPrefix, ''));
      if (lines.length > mostLines) lines.shift();
    },
  });
  const configuration = readConfiguration(configText, options.allowRoot);
  const [first] = configuration.pools;
  try {
    for (const pool of configuration.pools) installedEngine(pool);
  } catch (error) {
    throw new AuditError(`${(error as Error).message.replace('[pool fresh] ', '')}; "hathi build" builds it`);
  }
  log.configure({ level: configuration.global.log_level, limit: configuration.global.log_limit });
  const master = new Master({
    configuration,
    log,
    env: process.env,
    php: () => phpIni(options),
    identify: poolIdentity,
    engineFor: installedEngine,
    obstacles,
    createAdminServer,
    auditSocket,
    reloadConfiguration: () => ({ configuration: undefined, problems: ['an audit is not reloaded'] }),
  });
  const identity = first && poolIdentity(first);
  return {
    log: lines,
    identity: identity?.dropsRights === true ? identity : undefined,
    start: async () => {
      try {
        await master.start();
      } catch (error) {
        await master.abandon();
        throw new AuditError(reasonOf(lines) ?? (error as Error).message);
      }
    },
    stop: async () => {
      master.request('terminate');
      await master.closed;
    },
  };
}

/** The last error of a pool, without its name: both have the same application. */
export function reasonOf(lines: readonly string[]): string | undefined {
  const line = lines.findLast((each) => /^(?:ERROR|ALERT): /.test(each));
  return line?.replace(/^[A-Z]+: (?:\[pool \w+\] )?/, '').replace(/; trying again .*$/, '');
}

/** Without -c and -n PHP uses the files in its own places. */
function phpIni({ phpIni: given, noPhpIni, defines }: AuditOptions): PhpIniSource {
  if (given === undefined && !noPhpIni)
    return { files: [], hasScanFolder: false, folder: undefined, ignored: false, defines };
  const found = findPhpIni(
    { given, ignored: noPhpIni, configFile: defaultConfigFile(undefined) },
    process.env,
  );
  return { ...found, ignored: noPhpIni, defines };
}

function readConfiguration(text: string, allowRoot: boolean): Configuration {
  try {
    return readConfigurationText(text, 'hathi audit', allowRoot);
  } catch (error) {
    throw new AuditError((error as Error).message);
  }
}
