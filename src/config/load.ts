/** Loads a file into a validated configuration. */

import type { Configuration, GlobalConfig } from './directives.ts';
import { type ConfigMessage, Messages, Refused } from './messages.ts';
import { Reader } from './reader.ts';
import type { ReadingMemory } from './reading-memory.ts';
import { complete, type Steps } from './steps.ts';
import type { ConfigSystem } from './system.ts';
import { type ValidationContext, validate } from './validate.ts';

/** Command-line options about the configuration. */
export interface LoadOptions {
  /** The main file, as given. */
  readonly file: string;
  /** `-p`. */
  readonly prefix?: string;
  /** `-g`: a default that the file overrides. */
  readonly pidFile?: string;
  /** `-D` (true) or `-F` (false): overrides the file. */
  readonly daemonize?: boolean;
  /** Results of the last reading. */
  readonly memory?: ReadingMemory | undefined;
}

export interface LoadResult {
  readonly ok: boolean;
  /** Present when `ok`. */
  readonly configuration?: Configuration;
  /** In printing order; may contain warnings when `ok`. */
  readonly messages: readonly ConfigMessage[];
  /** Present once `error_log` is known and could be opened, even if the rest was refused. */
  readonly errorLog?: OpenedErrorLog;
  /** The section [global] as far as it was read, unchecked unless `ok`. */
  readonly global: GlobalConfig;
  /** For the next reading; present when `ok`. */
  readonly memory?: ReadingMemory;
}

/** As in PHP-FPM, only messages after the log was opened go to it. */
export interface OpenedErrorLog {
  readonly global: GlobalConfig;
  /** Index of the first message for the log. */
  readonly from: number;
}

/**
 * Reads and checks a configuration. As in PHP-FPM this creates its log files, if they can be opened. Never throws for
 * errors in a file: they are in the messages. The caller adds the last line of a failed start, `FPM initialization
 * failed`.
 */
export function loadConfiguration(options: LoadOptions, system: ConfigSystem): LoadResult {
  return complete(loadSteps(options, system));
}

/**
 * The same in steps: thousands of pools take a while.
 *
 * @throws Outdated if something that is remembered does not hold any more
 */
export function* loadSteps(options: LoadOptions, system: ConfigSystem): Steps<LoadResult> {
  const messages = new Messages();
  const reader = new Reader(system, messages, options.prefix, options.memory);
  const { global } = reader;
  let errorLog: OpenedErrorLog | undefined;
  const onErrorLog = (global: GlobalConfig): void => {
    errorLog = { global, from: messages.list.length };
  };
  try {
    const { configuration, memory } = yield* load(options, reader, {
      system,
      messages,
      daemonize: options.daemonize,
      onErrorLog,
      memory: options.memory,
      recalled: reader.recalled,
    });
    return {
      ok: true,
      configuration,
      memory,
      global,
      messages: messages.list,
      ...(errorLog && { errorLog }),
    };
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    return { ok: false, global, messages: messages.list, ...(errorLog && { errorLog }) };
  }
}

function* load(
  { file, prefix, pidFile }: LoadOptions,
  reader: Reader,
  context: ValidationContext,
): Steps<{ readonly configuration: Configuration; readonly memory: ReadingMemory }> {
  const { system, messages } = context;
  if (prefix !== undefined && prefix !== '' && !system.isDirectory(prefix)) {
    const text = `the global prefix '${prefix}' does not exist or is not a directory`;
    messages.refuse('error', text, [`Create it, or give an existing folder with -p.`]);
  }
  if (pidFile) reader.global.pid = pidFile;
  yield* stage(messages, `failed to load configuration file '${file}'`, () => reader.readFile(file));
  const draft = {
    global: reader.global,
    pools: reader.pools,
    file,
    ...(prefix === undefined ? {} : { prefix }),
  };
  const { checked, checks } = yield* stage(messages, 'failed to post process the configuration', () =>
    validate(draft, context),
  );
  return { configuration: draft, memory: { files: reader.files.remembered(checked), context: checks } };
}

/**
 * The section [global] as the files say it, unchecked, up to an error: what a command needs that asks a master. Of
 * thousands of files with pools it looks at little more than their first lines.
 */
export function loadGlobal({ file, prefix }: LoadOptions, system: ConfigSystem): GlobalConfig {
  const reader = new Reader(system, new Messages(), prefix, undefined, 'global');
  try {
    complete(reader.readFile(file));
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
  }
  return reader.global;
}

/** Runs a step; when it refuses, adds the purpose of the step. */
function* stage<T>(messages: Messages, failure: string, step: () => Steps<T>): Steps<T> {
  try {
    return yield* step();
  } catch (problem) {
    if (problem instanceof Refused) messages.add('error', failure);
    throw problem;
  }
}
