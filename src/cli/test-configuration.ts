/** `-t` and `-tt`: everything that a start would refuse, without starting anything. */

import { dumpConfiguration } from '../config/dump.ts';
import { ErrorLog } from '../log/error-log.ts';
import { readConfiguration } from './configuration.ts';
import type { FpmFlags } from './fpm.ts';
import { exitCode } from './options.ts';
import { reportDefines, StartLog } from './start-log.ts';
import { startWouldSucceed } from './start-rehearsal.ts';

/** @returns the exit code: 0, or 78 for a configuration that would not start */
export async function testConfiguration(flags: FpmFlags): Promise<number> {
  // All that this command is for is what it says: a busy reader is waited for.
  const log = new ErrorLog({ patience: 30_000 });
  const says = new StartLog(log);
  reportDefines(flags);
  const read = readConfiguration(flags, process.env, 'test');
  says.report(read, flags);
  const { configuration, asWritten } = read;
  const mention = (line: string): void => says.explainLater(line);
  if (
    configuration === undefined ||
    asWritten === undefined ||
    !(await startWouldSucceed(configuration, log, mention))
  ) {
    log.error('FPM initialization failed');
    says.explain();
    return exitCode.config;
  }
  if (flags.test > 1) says.write(dumpConfiguration(asWritten));
  log.notice(`configuration file ${configuration.file} test is successful`);
  says.explain();
  return exitCode.ok;
}
