/** Running a master on a configuration file, in the foreground or in the background. */

import { closeSync, openSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { createAdminServer } from '../admin/server.ts';
import { defaultAdminSocket } from '../config/admin-place.ts';
import type { Configuration } from '../config/directives.ts';
import { installedEngine } from '../engine/choice/select.ts';
import { ErrorLog } from '../log/error-log.ts';
import { keepStandardStreams } from '../log/standard-streams.ts';
import { Master } from '../master/master.ts';
import type { ReloadedConfiguration, StartOutcome } from '../master/master-types.ts';
import type { MasterSignals } from '../master/signals.ts';
import { duplicateOnto } from '../posix/descriptors.ts';
import { releaseInherited } from '../posix/inherited.ts';
import { setThreadName } from '../posix/limits.ts';
import { newSession } from '../posix/session.ts';
import { exitCode } from '../runtime/exit-code.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import type { Turns } from '../runtime/turns.ts';
import { announcedDescriptors } from '../sockets/listener-inherit.ts';
import { decodeText } from './binary-text.ts';
import { phpIniSource, readConfiguration, readInTurns } from './configuration.ts';
import { LaunchReport, launchErrors, launchInBackground } from './daemonize.ts';
import type { FpmFlags } from './flags.ts';
import { poolIdentity } from './identity.ts';
import { endByFault, type FailingMaster, reportFaults } from './last-words.ts';
import { obstacles } from './obstacles.ts';
import { openErrorLog, planErrorLog } from './open-error-log.ts';
import {
  applyProcessSettings,
  applyResourceLimits,
  tellIgnored,
  tryProcessSettings,
} from './process-settings.ts';
import { reportDefines, StartLog, writesToStderr } from './start-log.ts';

/** This process, as whoever started it knows it. */
export interface OwnProcess {
  readonly signals: MasterSignals;
  /** The script that Node runs, and its arguments: a daemon is the same command again. */
  readonly command: readonly string[];
}

/** What the master has to do with the world around it. */
interface Surroundings {
  readonly log: ErrorLog;
  readonly report: LaunchReport;
  readonly signals: MasterSignals;
  /** Told of the master once there is one. */
  readonly faults: (master: FailingMaster) => void;
}

/** @returns the exit code, when the master has stopped or its start has failed */
export async function runMaster(flags: FpmFlags, { signals, command }: OwnProcess): Promise<number> {
  const report = LaunchReport.fromEnvironment(process.env);
  releaseInherited(new Set([...announcedDescriptors(process.env), ...report.descriptors]));
  const log = new ErrorLog();
  const faults = reportFaults(log, report);
  const says = new StartLog(log);
  // A daemon's caller has said it.
  if (!report.isAwaited) reportDefines(flags);
  const read = readConfiguration(flags, process.env, 'start');
  const { loaded } = read;
  // What the files say is reported before going to the background, who can run them is found out there: as in
  // php-fpm the caller's exit code tells the two apart (78, 70).
  if (loaded?.global.daemonize === true && !report.isAwaited) return goToBackground(loaded, log, command);
  // In the background they are the caller's, who is not to be held.
  if (!report.isAwaited) keepStandardStreams();
  try {
    says.report(read, flags);
    if (read.configuration === undefined) return refuse(log, report, says);
    applyProcessSettings(read.configuration, log);
  } catch {
    return refuse(log, report, says);
  }
  says.explain();
  detachFromTerminal(read.configuration);
  return serve(flags, read.configuration, { log, report, signals, faults });
}

/** The limits come first, as in php-fpm: one that cannot be had is an error of the calling process. */
async function goToBackground(
  configuration: Configuration,
  log: ErrorLog,
  command: readonly string[],
): Promise<number> {
  try {
    openErrorLog(log, configuration.global, { useStderr: false });
    applyResourceLimits(configuration, log);
  } catch {
    log.error('FPM initialization failed');
    return exitCode.config;
  }
  return launchAndWait(log, command);
}

async function serve(
  flags: FpmFlags,
  configuration: Configuration,
  { log, report, signals, faults }: Surroundings,
): Promise<number> {
  const master = new Master({
    configuration,
    log,
    env: process.env,
    php: () => phpIniSource(flags),
    identify: poolIdentity,
    engineFor: installedEngine,
    obstacles,
    adminSocket: defaultAdminSocket(configuration, process.env, process.getuid?.() ?? 0),
    createAdminServer,
    signals,
    reloadConfiguration: (turns) => reloadConfiguration(flags, new StartLog(log), turns),
    planProcess: (planned) => planProcess(planned, flags, log),
  });
  faults(master);
  let outcome: StartOutcome;
  try {
    outcome = await master.start();
  } catch (error) {
    if (!(error instanceof MasterStartError)) log.sysError('cannot start', error);
    await master.abandon();
    return refuse(log, report);
  }
  report.send(outcome === 'serving');
  leaveStderr(configuration, flags, log);
  await master.closed;
  if (master.failure !== undefined) endByFault();
  return exitCode.ok;
}

/** What is wrong goes to the log with its place; the caller keeps what runs. */
async function reloadConfiguration(
  flags: FpmFlags,
  says: StartLog,
  turns: Turns,
): Promise<ReloadedConfiguration> {
  const { configuration, early, messages } = await readInTurns(flags, process.env, turns);
  const all = [...early, ...messages];
  says.write(all);
  if (configuration !== undefined) tellIgnored(configuration, says.log);
  says.explain();
  const problems = all
    .filter(({ level }) => level === 'error' || level === 'alert')
    .map(({ text, detail = [] }) => decodeText([text, ...detail].join('\n')));
  return { configuration, problems };
}

/** The log and the limits of the process follow a reload. */
function planProcess(configuration: Configuration, flags: FpmFlags, log: ErrorLog): PlannedPart {
  const { global } = configuration;
  const planned = planErrorLog(log, global, { useStderr: writesToStderr(global, flags) });
  return {
    commit: (failed) => {
      planned.commit();
      leaveStderr(configuration, flags, log);
      try {
        tryProcessSettings(configuration, log);
      } catch (error) {
        // Said already; requests are served all the same.
        failed((error as Error).message);
      }
    },
    discard: () => planned.discard(),
  };
}

/** The errors have been logged; this is php-fpm's last line of a failed start. */
function refuse(log: ErrorLog, report: LaunchReport, says?: StartLog): number {
  log.error('FPM initialization failed');
  says?.explain();
  report.send(false);
  return exitCode.config;
}

async function launchAndWait(log: ErrorLog, command: readonly string[]): Promise<number> {
  const outcome = await launchInBackground(command);
  const error = launchErrors[outcome];
  if (error !== undefined) log.error(error);
  return outcome === 'launched' ? exitCode.ok : exitCode.software;
}

/** Where lines go to the log, stderr becomes another name of it. In the background nobody's pipe or terminal is held open. */
function leaveStderr({ global }: Configuration, flags: FpmFlags, log: ErrorLog): void {
  const toLog = !writesToStderr(global, flags);
  log.launched(toLog);
  // A master may run for months and then be killed: what it compiled is kept for the next start now.
  flushCompileCache();
  if (!toLog || log.fd !== undefined) return;
  const nowhere = openSync('/dev/null', 'w');
  duplicateOnto(nowhere, 2);
  closeSync(nowhere);
}

/** As in php-fpm: a session of its own, nothing to read, nowhere to print, a title that `ps` shows. */
function detachFromTerminal(configuration: Configuration): void {
  newSession();
  const nowhere = openSync('/dev/null', 'r+');
  duplicateOnto(nowhere, 0);
  duplicateOnto(nowhere, 1);
  closeSync(nowhere);
  process.title = `php-fpm: master process (${configuration.file})`;
  // Node takes the title for the name as well; pidof(8) and `ps -C` go by the name of php-fpm's program.
  setThreadName(`php-fpm${commonVersion(configuration) ?? ''}`);
}

/** The PHP in whose folder all pools are configured. */
function commonVersion({ pools }: Configuration): string | undefined {
  const versions = new Set(pools.map(({ folderVersion }) => folderVersion));
  return versions.size === 1 ? [...versions][0] : undefined;
}
