/**
 * `-t` and `-tt`: reports everything that a start would refuse, without starting anything. Problems of this machine
 * only (a folder of sockets, a host name) are warnings of `-t`, which runs where images are built; `-tt` refuses them.
 */

import { dumpConfiguration } from '../config/dump.ts';
import { ErrorLog } from '../log/error-log.ts';
import { dryPlan } from '../master/dry-plan.ts';
import { exitCode } from '../runtime/exit-code.ts';
import { phpIniSource, readConfiguration } from './configuration.ts';
import { engineLine, type PoolEngine } from './engines.ts';
import type { FpmFlags } from './flags.ts';
import { checkIniValues } from './ini-values.ts';
import { obstacles } from './obstacles.ts';
import { reportDefines, StartLog } from './start-log.ts';

/** @returns the exit code: 0, or 78 for a configuration that would not start */
export async function testConfiguration(flags: FpmFlags): Promise<number> {
  // The output is this command's only purpose: a slow reader is waited for.
  const log = new ErrorLog({ patience: 30_000 });
  const says = new StartLog(log);
  reportDefines(flags);
  const isStrict = flags.test > 1;
  const read = readConfiguration(flags, process.env, isStrict ? 'strict test' : 'test');
  says.report(read, flags);
  const { configuration, asWritten } = read;
  const mention = (line: string): void => says.explainLater(line);
  const isFine =
    configuration !== undefined &&
    // Both run, so that all errors are reported.
    [
      await dryPlan(configuration, { log, isStrict, mention, obstacles }),
      await iniValuesAreTaken(read.engines, flags, says),
    ].every((outcome) => outcome);
  if (!isFine || asWritten === undefined) {
    log.error('FPM initialization failed');
    says.explain();
    return exitCode.config;
  }
  // The dump was requested, so log_level does not hide it.
  if (isStrict) says.showNotices();
  if (isStrict) says.write(dumpConfiguration(asWritten));
  for (const engine of read.engines) mention(engineLine(engine));
  // The last line is php-fpm's.
  says.explain();
  log.notice(`configuration file ${configuration.file} test is successful`);
  return exitCode.ok;
}

/** False after reporting values that no engine accepts. */
async function iniValuesAreTaken(
  engines: readonly PoolEngine[],
  flags: FpmFlags,
  says: StartLog,
): Promise<boolean> {
  const messages = await checkIniValues(engines, phpIniSource(flags));
  says.write(messages);
  return !messages.some(({ level }) => level === 'error');
}
