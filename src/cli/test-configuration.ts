/** `-t` and `-tt`: everything that a start would refuse, without starting anything. */

import { readFileSync } from 'node:fs';
import type { Configuration } from '../config/directives.ts';
import { dumpConfiguration } from '../config/dump.ts';
import { ErrorLog } from '../log/error-log.ts';
import type { ListenSettings } from '../master/listener.ts';
import { preflight } from '../master/listener-preflight.ts';
import { adminListenSettings, listenSettings } from '../master/listener-set.ts';
import { readConfiguration } from './configuration.ts';
import type { FpmFlags } from './fpm.ts';
import { exitCode } from './options.ts';
import { tryProcessSettings } from './process-settings.ts';
import { StartLog } from './start-log.ts';

/** @returns the exit code: 0, or 78 for a configuration that would not start */
export async function testConfiguration(flags: FpmFlags): Promise<number> {
  const log = new ErrorLog();
  const says = new StartLog(log);
  const read = readConfiguration(flags, process.env, 'test');
  says.report(read, flags);
  const { configuration } = read;
  if (configuration === undefined || !(await canBeHad(configuration, log))) {
    log.error('FPM initialization failed');
    says.explain();
    return exitCode.config;
  }
  if (flags.test > 1) says.write(dumpConfiguration(configuration));
  log.notice(`configuration file ${configuration.file} test is successful`);
  says.explain();
  return exitCode.ok;
}

/** The error log and the access logs were opened by the reading; here is the rest of what a start takes. */
async function canBeHad(configuration: Configuration, log: ErrorLog): Promise<boolean> {
  return limitsCanBeHad(configuration, log) && (await socketsCanBeHad(configuration, log));
}

function limitsCanBeHad(configuration: Configuration, log: ErrorLog): boolean {
  try {
    // It holds for this process, which is about to end.
    tryProcessSettings(configuration, log);
    return true;
  } catch {
    return false;
  }
}

async function socketsCanBeHad(configuration: Configuration, log: ErrorLog): Promise<boolean> {
  const running = runningMaster(configuration);
  let fine = true;
  for (const settings of wantedSockets(configuration)) {
    const problems = await preflight(settings, (pid) => pid === running);
    for (const problem of problems) log.write(problem.level, problem.line);
    fine &&= problems.length === 0;
  }
  return fine;
}

function wantedSockets({ global, pools }: Configuration): ListenSettings[] {
  const ofPools = pools.flatMap((pool) =>
    [pool.listen, pool['pm.status_listen']]
      .filter((address) => address !== undefined)
      .map((address) => listenSettings(pool, address)),
  );
  const admin = global['admin.listen'];
  return admin === undefined ? ofPools : [...ofPools, adminListenSettings(admin)];
}

/** The pid in the pid file: the instance that runs on this configuration, whose own sockets are no obstacle. */
function runningMaster({ global }: Configuration): number | undefined {
  if (global.pid === undefined) return undefined;
  try {
    return Number.parseInt(readFileSync(global.pid, 'latin1'), 10);
  } catch {
    return undefined;
  }
}
