/** From a file to a validated configuration. */

import type { Configuration, GlobalConfig } from './directives.ts';
import { type ConfigMessage, Messages, Refused } from './messages.ts';
import { Reader } from './reader.ts';
import type { ConfigSystem } from './system.ts';
import { type ValidationContext, validate } from './validate.ts';

/** What the command line says about the configuration. */
export interface LoadOptions {
  /** The main file, as given. */
  readonly file: string;
  /** `-p`. */
  readonly prefix?: string;
  /** `-g`: a default that the file overrules. */
  readonly pidFile?: string;
  /** `-D` (true) or `-F` (false): overrules the file. */
  readonly daemonize?: boolean;
}

export interface LoadResult {
  readonly ok: boolean;
  /** Present when `ok`. */
  readonly configuration?: Configuration;
  /** In the order in which they are to be printed; there may be warnings when `ok`. */
  readonly messages: readonly ConfigMessage[];
  /** Present once `error_log` is known and could be opened, even where the rest was refused. */
  readonly errorLog?: OpenedErrorLog;
  /** The section [global] as far as it was read, unchecked unless `ok`. */
  readonly global: GlobalConfig;
}

/** As in PHP-FPM, what is found after the log was opened is written to it; what was found before is not. */
export interface OpenedErrorLog {
  readonly global: GlobalConfig;
  /** Index of the first message that belongs into the log. */
  readonly from: number;
}

/**
 * Reads and checks a configuration. As in PHP-FPM this creates the log files that it names, if they can be opened.
 * It never throws for what a file says: what is wrong is in the messages. The last line of a failed start,
 * `FPM initialization failed`, is the caller's.
 */
export function loadConfiguration(options: LoadOptions, system: ConfigSystem): LoadResult {
  const messages = new Messages();
  const reader = new Reader(system, messages, options.prefix);
  const { global } = reader;
  let errorLog: OpenedErrorLog | undefined;
  const onErrorLog = (global: GlobalConfig): void => {
    errorLog = { global, from: messages.list.length };
  };
  try {
    const configuration = load(options, reader, {
      system,
      messages,
      daemonize: options.daemonize,
      onErrorLog,
    });
    return { ok: true, configuration, global, messages: messages.list, ...(errorLog && { errorLog }) };
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    return { ok: false, global, messages: messages.list, ...(errorLog && { errorLog }) };
  }
}

function load(
  { file, prefix, pidFile }: LoadOptions,
  reader: Reader,
  context: ValidationContext,
): Configuration {
  const { system, messages } = context;
  if (prefix !== undefined && prefix !== '' && !system.isDirectory(prefix)) {
    const text = `the global prefix '${prefix}' does not exist or is not a directory`;
    messages.refuse('error', text, [`Create it, or give an existing folder with -p.`]);
  }
  if (pidFile) reader.global.pid = pidFile;
  stage(messages, `failed to load configuration file '${file}'`, () => reader.readFile(file));
  const draft = {
    global: reader.global,
    pools: reader.pools,
    file,
    ...(prefix === undefined ? {} : { prefix }),
  };
  stage(messages, 'failed to post process the configuration', () => validate(draft, context));
  return draft;
}

/** Runs a step; when it refuses, says what the step was for. */
function stage(messages: Messages, failure: string, step: () => void): void {
  try {
    step();
  } catch (problem) {
    if (problem instanceof Refused) messages.add('error', failure);
    throw problem;
  }
}
