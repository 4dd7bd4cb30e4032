/** `hathi` with php-fpm's own flags: tests a configuration, or runs a master on it. */

import { decodeText } from '../boot/binary-text.ts';
import { defaultConfigFile } from '../boot/default-config-file.ts';
import type { FpmFlags } from '../boot/flags.ts';
import { findPhpIni, iniValues } from '../boot/php-ini.ts';
import { type OwnProcess, runMaster } from '../boot/run-master.ts';
import { testConfiguration } from '../boot/test-configuration.ts';
import { exitCode } from '../runtime/exit-code.ts';
import { type GivenOption, readOptions, usage } from './options.ts';

/** Answers of `-v`, `-m`, `-i`, which ask the engine. */
export interface InfoPrinter {
  version(flags: FpmFlags): Promise<string>;
  modules(flags: FpmFlags): Promise<string>;
  information(flags: FpmFlags): Promise<string>;
}

/**
 * @param program argv[0] for the usage text
 * @param own this process, for a master
 */
export async function fpmCommand(
  args: readonly string[],
  program: string,
  info: InfoPrinter,
  own: OwnProcess,
): Promise<number> {
  const given: GivenOption[] = [];
  // A closed pipe or a full disk only loses the text, as in php-fpm.
  process.stdout.on('error', () => {});
  const refuse = (): number => {
    print(usage(program));
    return exitCode.usage;
  };
  for (const option of readOptions(args)) {
    if (option === undefined) return refuse();
    if (option.name === 'help') return print(usage(program));
    given.push(option);
    // These two answer at once: later arguments are not read.
    if (option.name === 'version') return answer(() => info.version(flagsOf(given)));
    if (option.name === 'modules') return answer(() => info.modules(flagsOf(given)));
  }
  const flags = flagsOf(given);
  if (given.some(({ name }) => name === 'info')) return answer(() => info.information(flags));
  // Only here, as in php-fpm: `-i x` answers.
  if (given.some(({ name }) => name === 'stray')) return refuse();
  return flags.test > 0 ? testConfiguration(flags) : runMaster(flags, own);
}

/** A missing engine is no fault of the program: its reason is the whole message. */
async function answer(ask: () => Promise<string>): Promise<number> {
  try {
    return print(await ask());
  } catch (error) {
    process.stderr.write(`hathi: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCode.software;
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return exitCode.ok;
}

function flagsOf(given: readonly GivenOption[]): FpmFlags {
  const last = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  const count = (name: string): number => given.filter((option) => option.name === name).length;
  const mode = given.findLast(({ name }) => name === 'daemonize' || name === 'nodaemonize')?.name;
  const defines = given.filter(({ name }) => name === 'define').map(({ value }) => normalDefine(value));
  const prefix = last('prefix');
  const namedByIni = (): string | undefined =>
    iniConfigFile({ given: last('php-ini'), ignored: count('no-php-ini') > 0, prefix, defines });
  return {
    // An empty name counts as missing.
    configFile: last('fpm-config') || namedByIni() || defaultConfigFile(prefix),
    prefix,
    pidFile: last('pid'),
    daemonize: mode === undefined ? undefined : mode === 'daemonize',
    forceStderr: count('force-stderr') > 0,
    allowRoot: count('allow-to-run-as-root') > 0,
    test: count('test'),
    phpIni: last('php-ini'),
    noPhpIni: count('no-php-ini') > 0,
    defines,
  };
}

/**
 * `-d foo` alone is `foo=1`; a value that starts with a special character is quoted, as in php-fpm: `-d
 * include_path=.:/x`.
 */
function normalDefine(text: string): string {
  const equals = text.indexOf('=');
  if (equals < 0) return `${text}=1`;
  return text.replace(/=([^a-zA-Z0-9"'].*)$/s, (match, value: string, at: number) =>
    at === equals ? `="${value}"` : match,
  );
}

/** `fpm.config` from `-d` or the php.ini files. */
function iniConfigFile(ini: {
  readonly given: string | undefined;
  readonly ignored: boolean;
  readonly prefix: string | undefined;
  readonly defines: readonly string[];
}): string | undefined {
  const { files } = findPhpIni({ ...ini, configFile: defaultConfigFile(ini.prefix) }, process.env);
  const path = iniValues(files, ini.defines, process.env).get('fpm.config');
  return path === undefined ? undefined : decodeText(path);
}
