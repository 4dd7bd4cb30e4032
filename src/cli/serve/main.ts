/** `hathi serve` with its real dependencies: a master in this process. */

import { createAdminServer } from '../../admin/server.ts';
import { poolIdentity } from '../../boot/identity.ts';
import { obstacles } from '../../boot/obstacles.ts';
import { readConfigurationText } from '../../boot/text-configuration.ts';
import { installedEngine } from '../../engine/choice/select.ts';
import { ErrorLog } from '../../log/error-log.ts';
import { Master } from '../../master/master.ts';
import type { ReloadedConfiguration } from '../../master/master-types.ts';
import { releaseInherited } from '../../posix/inherited.ts';
import { type ServeMaster, type ServeMasterOptions, serveCommand } from './serve.ts';

/** The command line after `serve`; see {@link serveCommand}. */
export function serveMain(args: string[]): Promise<number> {
  releaseInherited(new Set());
  return serveCommand(args, {
    startMaster,
    environment: process.env,
    cwd: process.cwd(),
    uid: process.getuid?.() ?? 0,
    print: (line) => process.stdout.write(`${line}\n`),
    isTerminal: process.stdout.isTTY === true,
    printError: (line) => process.stderr.write(`${line}\n`),
    now: () => performance.now(),
    onSignal: (signal, listener) => process.on(signal, listener),
    exit: (code) => process.exit(code),
  });
}

/** Time and level of a log line, meaningless in a message on the terminal. */
const logPrefix = /^\[[^\]]*\] [A-Z]+: /;
/** The master would, but the command ends. */
const promise = /; (?:trying again|starting a new one) [^;]*$/;

/** A line of the log as the reason why the command ends. */
function reasonOf(line: string): string {
  return line.replace(logPrefix, '').replace(promise, '').replaceAll('\\n', '\n  ');
}

async function startMaster(options: ServeMasterOptions): Promise<ServeMaster> {
  // Until it is known whether the start fails, and by the last of them, which is told by the command itself then.
  let held: string[] | undefined = [];
  const log = new ErrorLog({
    sink: (line, origin) => {
      if (origin === 'worker') return options.onWorkerOutput(line);
      if (held === undefined) options.onLog(line);
      else held.push(line);
    },
  });
  const release = (lines: readonly string[]): void => {
    held = undefined;
    for (const line of lines) options.onLog(line);
  };
  const configuration = readConfigurationText(options.configText, options.configName, options.allowRoot);
  for (const pool of configuration.pools) installedEngine(pool);
  log.configure({ level: configuration.global.log_level, limit: configuration.global.log_limit });
  const master = new Master({
    configuration,
    log,
    env: process.env,
    php: () => ({ files: [], hasScanFolder: false, folder: undefined, ignored: false, defines: [] }),
    identify: poolIdentity,
    engineFor: installedEngine,
    obstacles,
    createAdminServer,
    isObserved: options.isObserved,
    reloadConfiguration: () => readAgain(options, log),
  });
  try {
    await master.start();
  } catch (error) {
    await master.abandon();
    const last = held.at(-1);
    release(held.slice(0, -1));
    throw new Error(last === undefined ? (error as Error).message : reasonOf(last));
  }
  release(held);
  return describe(master);
}

function describe(master: Master): ServeMaster {
  const [runner] = master.runners;
  const facts = runner?.serving?.facts;
  return {
    ready: {
      phpVersion: facts?.php ?? '',
      engine: facts?.engine ?? '',
      pool: runner?.name ?? '',
      warnings: facts?.warnings ?? [],
    },
    admin: master.admin,
    ended: master.closed.then(() => 'the master stopped'),
    stop: async () => {
      master.request('finish');
      await master.closed;
    },
  };
}

/** For a reload from the dashboard: the file of `--config` may have changed. */
function readAgain(options: ServeMasterOptions, log: ErrorLog): ReloadedConfiguration {
  try {
    return {
      configuration: readConfigurationText(options.configText, options.configName, options.allowRoot),
      problems: [],
    };
  } catch (error) {
    const { message } = error as Error;
    log.error(message);
    return { configuration: undefined, problems: [message] };
  }
}
