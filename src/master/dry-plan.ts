/**
 * A plan that keeps nothing, for `-t`: the checks of {@link MasterResources.plan}, beside a master that may run on the
 * same files, whose sockets and pid file are left alone.
 */

import type { Configuration } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { AddressInUse, ListenerError } from '../sockets/listener-error.ts';
import { tryToOpen } from '../sockets/listener-open.ts';
import { type WantedSocket, wantedSockets } from '../sockets/wanted-sockets.ts';
import { checkPidFile, PidFileError, readPidFile } from './pid-file.ts';
import type { ResourceOptions } from './resources.ts';

export interface DryPlanOptions extends Pick<ResourceOptions, 'obstacles'> {
  readonly log: ErrorLog;
  /** Refuses problems of this machine as well, instead of warning. */
  readonly isStrict: boolean;
  /**
   * Receives facts that are no fault of the files: an address in use. It may be in use by the very service that this
   * configuration replaces or reloads.
   */
  readonly mention: (line: string) => void;
}

/** False after logging everything that would fail. Reading the configuration has checked logs, names and engines. */
export async function dryPlan(configuration: Configuration, options: DryPlanOptions): Promise<boolean> {
  const outcomes = [
    obstaclesAreNone(configuration, options),
    await socketsCanBeHad(configuration, options),
    pidFileCanBeWritten(configuration, options),
  ];
  return outcomes.every((outcome) => outcome);
}

/** Level of problems that another machine may not have. */
function machineLevel({ isStrict }: DryPlanOptions): 'error' | 'warning' {
  return isStrict ? 'error' : 'warning';
}

function obstaclesAreNone(configuration: Configuration, options: DryPlanOptions): boolean {
  const obstacles = options.obstacles(configuration);
  for (const obstacle of obstacles) options.log.write(machineLevel(options), obstacle);
  return obstacles.length === 0 || !options.isStrict;
}

async function socketsCanBeHad(configuration: Configuration, options: DryPlanOptions): Promise<boolean> {
  const { log, isStrict, mention } = options;
  const running = runningMaster(configuration);
  let fine = true;
  for (const wanted of wantedSockets(configuration)) {
    const problem = await problemOf(wanted, (pid) => pid === running);
    if (problem === undefined) continue;
    if (problem instanceof AddressInUse) {
      mention(problem.line);
      continue;
    }
    const isFatal = isStrict || problem.isOfFiles;
    log.write(isFatal ? problem.level : 'warning', problem.line);
    fine &&= !isFatal;
  }
  return fine;
}

/** An invalid address is a problem as well. */
async function problemOf(
  wanted: WantedSocket,
  isOurs: (pid: number) => boolean,
): Promise<ListenerError | undefined> {
  try {
    await tryToOpen(wanted.settings(), isOurs);
    return undefined;
  } catch (error) {
    if (!(error instanceof ListenerError)) throw error;
    return error;
  }
}

/** The pid in the pid file: the running instance of this configuration, whose own sockets are no obstacle. */
function runningMaster({ global }: Configuration): number | undefined {
  return global.pid === undefined ? undefined : readPidFile(global.pid);
}

function pidFileCanBeWritten({ global }: Configuration, options: DryPlanOptions): boolean {
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
