/** Runs a master on a configuration file, in the foreground or background. */

import { closeSync, openSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { createAdminServer } from '../admin/server.ts';
import { defaultAdminSocket, instanceFolder } from '../config/admin-place.ts';
import type { Configuration } from '../config/directives.ts';
import type { ConfigMessage } from '../config/messages.ts';
import { ErrorLog } from '../log/error-log.ts';
import { keepStandardStreams } from '../log/standard-streams.ts';
import { Master } from '../master/master.ts';
import type { MasterOptions, ReloadedConfiguration, Rollback, StartOutcome } from '../master/master-types.ts';
import type { Predecessor } from '../master/predecessor.ts';
import type { MasterSignals } from '../master/signals.ts';
import { duplicateOnto } from '../posix/descriptors.ts';
import { releaseInherited } from '../posix/inherited.ts';
import { setThreadName } from '../posix/limits.ts';
import { newSession } from '../posix/session.ts';
import { exitCode } from '../runtime/exit-code.ts';
import { programOnDisk } from '../runtime/module.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import type { Turns } from '../runtime/turns.ts';
import { announcedDescriptors } from '../sockets/listener-inherit.ts';
import { decodeText } from './binary-text.ts';
import { EarlierReading, phpIniSource, readConfiguration, readInTurns } from './configuration.ts';
import { ConfigurationArchive } from './configuration-archive.ts';
import { LaunchReport, launchErrors, launchInBackground } from './daemonize.ts';
import type { FpmFlags } from './flags.ts';
import { poolIdentity } from './identity.ts';
import { endByFault, type FailingMaster, reportFaults } from './last-words.ts';
import { obstacles } from './obstacles.ts';
import { openErrorLog, planErrorLog } from './open-error-log.ts';
import { Handover } from './predecessor.ts';
import {
  applyProcessSettings,
  applyResourceLimits,
  tellIgnored,
  tryProcessSettings,
} from './process-settings.ts';
import type { ReadFiles } from './read-files.ts';
import { reportDefines, StartLog, writesToStderr } from './start-log.ts';
import { adoptStrangers } from './strangers.ts';
import { startSuccessor } from './successor.ts';
import { KnownEngines, takeBack } from './take-back.ts';

/** Facts about this process from its start. */
export interface OwnProcess {
  readonly signals: MasterSignals;
  /** The script that Node runs, and its arguments: a daemon is the same command again. */
  readonly command: readonly string[];
}

/** The master's environment. */
interface Surroundings {
  readonly flags: FpmFlags;
  readonly command: readonly string[];
  readonly isInBackground: boolean;
  readonly log: ErrorLog;
  readonly report: LaunchReport;
  readonly signals: MasterSignals;
  /** The reading of the files at the start. */
  readonly earlier: EarlierReading;
  /** Receives the master once it exists. */
  readonly faults: (master: FailingMaster) => void;
}

/** @returns the exit code, when the master has stopped or its start has failed */
export async function runMaster(flags: FpmFlags, { signals, command }: OwnProcess): Promise<number> {
  const report = LaunchReport.fromEnvironment(process.env);
  const handover = Handover.fromEnvironment(process.env);
  const kept = [
    ...announcedDescriptors(process.env),
    ...report.descriptors,
    ...(handover?.descriptors ?? []),
  ];
  releaseInherited(new Set(kept));
  const log = new ErrorLog();
  const faults = reportFaults(log, report);
  const says = new StartLog(log);
  const isInBackground = report.isAwaited || handover?.descent === 'background';
  // For a daemon, its caller has reported it.
  if (!isInBackground && handover === undefined) reportDefines(flags);
  const earlier = new EarlierReading();
  const read = readConfiguration(flags, process.env, 'start', earlier);
  const { loaded } = read;
  // Errors of the files are reported before going to the background, missing engines after it: as in php-fpm the
  // caller's exit code distinguishes them (78, 70).
  if (loaded?.global.daemonize === true && !isInBackground && handover === undefined)
    return goToBackground(loaded, log, command);
  // In the background they belong to the caller and must not be held open.
  if (!isInBackground) keepStandardStreams();
  try {
    says.report(read, flags);
    if (read.configuration === undefined) {
      handover?.failed(problemsOf([...read.early, ...read.messages]));
      return refuse(log, report, says);
    }
    applyProcessSettings(read.configuration, log);
  } catch (error) {
    handover?.failed([(error as Error).message]);
    return refuse(log, report, says);
  }
  says.explain();
  detachFromTerminal(read.configuration);
  const surroundings = { flags, command, isInBackground, log, report, signals, faults, earlier };
  if (handover === undefined) return serve(read.configuration, read.read, surroundings, undefined);
  return replace(handover, read.configuration, read.read, surroundings);
}

/** Becomes the master in place of the one that has started this process. Until then it ends without a trace. */
async function replace(
  handover: Handover,
  configuration: Configuration,
  read: ReadFiles,
  surroundings: Surroundings,
): Promise<number> {
  try {
    return await serve(configuration, read, surroundings, await handover.begin());
  } catch (error) {
    handover.failed([(error as Error).message]);
    if (!(error instanceof MasterStartError)) surroundings.log.sysError('cannot replace the master', error);
    // Hosts that it has by now are the other master's again, by the end of their channels.
    process.exit(refuse(surroundings.log, surroundings.report));
  }
}

/** As in php-fpm the limits come first: an unavailable one is an error of the calling process. */
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

/** @throws with a predecessor: what has hindered this process from becoming the master */
async function serve(
  configuration: Configuration,
  read: ReadFiles,
  surroundings: Surroundings,
  predecessor: Predecessor | undefined,
): Promise<number> {
  const { flags, log, report, signals, faults, command, isInBackground, earlier } = surroundings;
  const place = instanceFolder('configurations', configuration, process.env, process.getuid?.() ?? 0);
  const archive = new ConfigurationArchive(place, log);
  archive.took(read);
  const engines = new KnownEngines();
  const program = new ProgramOnDisk(command[0] ?? '');
  const options: MasterOptions = {
    archive,
    survivalFolder: instanceFolder('hosts', configuration, process.env, process.getuid?.() ?? 0),
    configuration,
    log,
    env: process.env,
    php: () => phpIniSource(flags),
    identify: poolIdentity,
    engineFor: (pool) => engines.of(pool),
    obstacles,
    adminSocket: defaultAdminSocket(configuration, process.env, process.getuid?.() ?? 0),
    createAdminServer,
    signals,
    reloadConfiguration: (turns, rollback) =>
      reloadConfiguration(flags, new StartLog(log), turns, { archive, rollback, earlier }),
    planProcess: (planned) => planProcess(planned, flags, log),
    startSuccessor: (given) =>
      startSuccessor(given, {
        command,
        descent: isInBackground ? 'background' : 'foreground',
        env: process.env,
      }),
    isProgramReplaced: () => program.isReplaced,
    predecessor,
  };
  adoptStrangers();
  let master = new Master(options);
  faults(master);
  let outcome: StartOutcome;
  try {
    outcome = await master.start();
  } catch (error) {
    if (predecessor !== undefined) throw error;
    if (!(error instanceof MasterStartError)) log.sysError('cannot start', error);
    await master.abandon();
    return refuse(log, report);
  }
  report.send(outcome === 'serving');
  leaveStderr(configuration, flags, log);
  let end = await master.closed;
  while (end?.type === 'takesBack') {
    const before = end;
    // A reload that waited for it would try again for ever.
    program.refuse();
    master = await engines.remembered(() => takeBack(options, before, faults));
    end = await master.closed;
  }
  if (end?.type === 'replaced') leaveToNext();
  else if (master.failure !== undefined) endByFault();
  return exitCode.ok;
}

/** Whether the program on disk is still the one that runs. */
class ProgramOnDisk {
  readonly #script: string;
  #known: string | undefined;

  /** @param script the one that Node runs */
  constructor(script: string) {
    this.#script = script;
    this.#known = programOnDisk(script);
  }

  get isReplaced(): boolean {
    const now = programOnDisk(this.#script);
    return now !== undefined && now !== this.#known;
  }

  /** The one that is there was tried and cannot do it. */
  refuse(): void {
    this.#known = programOnDisk(this.#script);
  }
}

interface ReloadSources {
  readonly archive: ConfigurationArchive;
  readonly rollback: Rollback | undefined;
  readonly earlier: EarlierReading;
}

/** Answers that are under way are given at most so long, ms. */
const lastAnswersMs = 1000;

function leaveToNext(): void {
  setTimeout(() => process.exit(exitCode.ok), lastAnswersMs).unref();
}

/** Errors are logged with their place; the caller keeps what is running. */
async function reloadConfiguration(
  flags: FpmFlags,
  says: StartLog,
  turns: Turns,
  { archive, rollback, earlier }: ReloadSources,
): Promise<ReloadedConfiguration> {
  const found = rollback && findKept(archive, rollback.kept);
  if (found !== undefined && 'problem' in found) {
    says.log.error(`cannot roll back: ${found.problem}`);
    return { configuration: undefined, problems: [found.problem] };
  }
  const { configuration, read, early, messages } = await readInTurns(
    flags,
    process.env,
    turns,
    earlier,
    found?.read,
  );
  if (configuration !== undefined) archive.took(read);
  const all = [...early, ...messages];
  says.write(all);
  if (configuration !== undefined) tellIgnored(configuration, says.log);
  says.explain();
  return { configuration, problems: problemsOf(all), kept: found?.id };
}

/** The errors among them. */
function problemsOf(messages: readonly ConfigMessage[]): string[] {
  return messages
    .filter(({ level }) => level === 'error' || level === 'alert')
    .map(({ text, detail = [] }) => decodeText([text, ...detail].join('\n')));
}

function findKept(
  archive: ConfigurationArchive,
  kept: number | undefined,
): ReturnType<ConfigurationArchive['find']> | { readonly problem: string } {
  try {
    return archive.find(kept);
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

/** The process's log and limits follow a reload. */
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
        // Logged already; requests are served all the same.
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

/**
 * If lines go to the log, stderr becomes the log file as well. In the background no pipe or terminal of the caller
 * stays open.
 */
function leaveStderr({ global }: Configuration, flags: FpmFlags, log: ErrorLog): void {
  const toLog = !writesToStderr(global, flags);
  log.launched(toLog);
  // A master may run for months and then be killed: compiled code is cached for the next start now.
  flushCompileCache();
  if (!toLog || log.fd !== undefined) return;
  const nowhere = openSync('/dev/null', 'w');
  duplicateOnto(nowhere, 2);
  closeSync(nowhere);
}

/** As in php-fpm: its own session, empty input, discarded output, a title for `ps`. */
function detachFromTerminal(configuration: Configuration): void {
  newSession();
  const nowhere = openSync('/dev/null', 'r+');
  duplicateOnto(nowhere, 0);
  duplicateOnto(nowhere, 1);
  closeSync(nowhere);
  process.title = `php-fpm: master process (${configuration.file})`;
  // Node also uses the title as the name; pidof(8) and `ps -C` expect the name of php-fpm's program.
  setThreadName(`php-fpm${commonVersion(configuration) ?? ''}`);
}

/** The PHP version of the folder in which all pools are configured. */
function commonVersion({ pools }: Configuration): string | undefined {
  const versions = new Set(pools.map(({ folderVersion }) => folderVersion));
  return versions.size === 1 ? [...versions][0] : undefined;
}
