/** What a start would take hold of, tried out for `-t` without keeping or changing anything. */

import { readFileSync } from 'node:fs';
import { adminOff } from '../config/admin.ts';
import type { Configuration } from '../config/directives.ts';
import { checkEngine } from '../engine/select.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { ListenSettings } from '../master/listener.ts';
import { AddressInUse, ListenerError } from '../master/listener-error.ts';
import { preflight } from '../master/listener-preflight.ts';
import { adminListenSettings, listenSettings } from '../master/listener-set.ts';
import { checkPidFile, PidFileError } from '../master/pid-file.ts';
import { chrootObstacle } from './chroot-check.ts';
import { tryProcessSettings } from './process-settings.ts';

/**
 * False after everything that would fail has been logged. Logs are not tried: reading the configuration opens them.
 *
 * @param mention takes what is no fault of the files: an address that somebody listens at. It may be the very service
 * that is to be replaced, or reloaded, by this configuration.
 */
export async function startWouldSucceed(
  configuration: Configuration,
  log: ErrorLog,
  mention: (line: string) => void,
): Promise<boolean> {
  const outcomes = [
    limitsCanBeHad(configuration, log),
    enginesAreThere(configuration, log),
    await socketsCanBeHad(configuration, log, mention),
    pidFileCanBeWritten(configuration, log),
  ];
  return outcomes.every((outcome) => outcome);
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

function enginesAreThere({ pools }: Configuration, log: ErrorLog): boolean {
  let fine = true;
  for (const pool of pools) {
    try {
      checkEngine(pool);
      const obstacle = chrootObstacle(pool);
      if (obstacle === undefined) continue;
      log.error(obstacle);
    } catch (error) {
      log.error((error as Error).message);
    }
    fine = false;
  }
  return fine;
}

async function socketsCanBeHad(
  configuration: Configuration,
  log: ErrorLog,
  mention: (line: string) => void,
): Promise<boolean> {
  const running = runningMaster(configuration);
  let fine = true;
  for (const settle of wantedSockets(configuration)) {
    for (const problem of await problemsOf(settle, (pid) => pid === running)) {
      if (problem instanceof AddressInUse) {
        mention(problem.line);
      } else {
        log.write(problem.level, problem.line);
        fine = false;
      }
    }
  }
  return fine;
}

/** An address that is none is a problem as well. */
async function problemsOf(
  settle: () => ListenSettings,
  isOurs: (pid: number) => boolean,
): Promise<ListenerError[]> {
  try {
    return await preflight(settle(), isOurs);
  } catch (error) {
    if (!(error instanceof ListenerError)) throw error;
    return [error];
  }
}

function wantedSockets({ global, pools }: Configuration): (() => ListenSettings)[] {
  const ofPools = pools.flatMap((pool) =>
    [pool.listen, pool['pm.status_listen']]
      .filter((address) => address !== undefined)
      .map((address) => () => listenSettings(pool, address)),
  );
  const admin = global['admin.listen'];
  return admin === undefined || admin === adminOff ? ofPools : [...ofPools, () => adminListenSettings(admin)];
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

function pidFileCanBeWritten({ global }: Configuration, log: ErrorLog): boolean {
  if (global.pid === undefined) return true;
  try {
    checkPidFile(global.pid);
    return true;
  } catch (error) {
    if (!(error instanceof PidFileError)) throw error;
    log.sysError(error.message, error.cause);
    return false;
  }
}
