/** What a start would take hold of, tried out for `-t` without keeping or changing anything. */

import { adminOff } from '../config/admin.ts';
import type { Configuration } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { ListenSettings } from '../master/listener.ts';
import { AddressInUse, ListenerError } from '../master/listener-error.ts';
import { preflight } from '../master/listener-preflight.ts';
import { adminListenSettings, listenSettings } from '../master/listener-set.ts';
import { checkPidFile, PidFileError, readPidFile } from '../master/pid-file.ts';
import { chrootObstacle } from './chroot-check.ts';
import { tryProcessSettings } from './process-settings.ts';

/** How a rehearsal is held. */
export interface RehearsalOptions {
  readonly log: ErrorLog;
  /** What only this machine is in the way of is refused as well, not warned of. */
  readonly isStrict: boolean;
  /**
   * Takes what is no fault of the files: an address that somebody listens at. It may be the very service that is to be
   * replaced, or reloaded, by this configuration.
   */
  readonly mention: (line: string) => void;
}

/** False after everything that would fail has been logged. Reading the configuration has tried logs and engines. */
export async function startWouldSucceed(
  configuration: Configuration,
  options: RehearsalOptions,
): Promise<boolean> {
  const outcomes = [
    limitsCanBeHad(configuration, options),
    chrootsCanBeEntered(configuration, options),
    await socketsCanBeHad(configuration, options),
    pidFileCanBeWritten(configuration, options),
  ];
  return outcomes.every((outcome) => outcome);
}

/** Level of what another machine might have. */
function machineLevel({ isStrict }: RehearsalOptions): 'error' | 'warning' {
  return isStrict ? 'error' : 'warning';
}

function limitsCanBeHad(configuration: Configuration, options: RehearsalOptions): boolean {
  try {
    // It holds for this process, which is about to end.
    tryProcessSettings(configuration, options.log, machineLevel(options));
    return true;
  } catch {
    return !options.isStrict;
  }
}

function chrootsCanBeEntered({ pools }: Configuration, options: RehearsalOptions): boolean {
  const obstacles = pools.map(chrootObstacle).filter((obstacle) => obstacle !== undefined);
  for (const obstacle of obstacles) options.log.write(machineLevel(options), obstacle);
  return obstacles.length === 0 || !options.isStrict;
}

async function socketsCanBeHad(configuration: Configuration, options: RehearsalOptions): Promise<boolean> {
  const { log, isStrict, mention } = options;
  const running = runningMaster(configuration);
  let fine = true;
  for (const settle of wantedSockets(configuration)) {
    for (const problem of await problemsOf(settle, (pid) => pid === running)) {
      if (problem instanceof AddressInUse) {
        mention(problem.line);
        continue;
      }
      const isFatal = isStrict || problem.isOfFiles;
      log.write(isFatal ? problem.level : 'warning', problem.line);
      fine &&= !isFatal;
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
  return global.pid === undefined ? undefined : readPidFile(global.pid);
}

function pidFileCanBeWritten({ global }: Configuration, options: RehearsalOptions): boolean {
  if (global.pid === undefined) return true;
  try {
    checkPidFile(global.pid);
    return true;
  } catch (error) {
    if (!(error instanceof PidFileError)) throw error;
    options.log.sysError(error.message, error.cause, machineLevel(options));
    return !options.isStrict;
  }
}
