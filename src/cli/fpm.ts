/** `hathi` with php-fpm's own flags: test a configuration, or run a master on it. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MasterSignals } from '../master/signals.ts';
import { exitCode, type GivenOption, readOptions, usage } from './options.ts';
import { runMaster } from './run-master.ts';
import { testConfiguration } from './test-configuration.ts';

/** What the flags say, once all are read. */
export interface FpmFlags {
  readonly configFile: string;
  readonly prefix: string | undefined;
  readonly pidFile: string | undefined;
  /** `-D` true, `-F` false, neither undefined. */
  readonly daemonize: boolean | undefined;
  readonly forceStderr: boolean;
  readonly allowRoot: boolean;
  /** How often `-t` was given. */
  readonly test: number;
  /** `-c` */
  readonly phpIni: string | undefined;
  /** `-n` */
  readonly noPhpIni: boolean;
  /** `-d`, each as `key=value`. */
  readonly defines: readonly string[];
}

/** Answers of `-v`, `-m`, `-i`, which ask the engine. */
export interface InfoPrinter {
  version(): Promise<string>;
  modules(flags: FpmFlags): Promise<string>;
  information(flags: FpmFlags): Promise<string>;
}

/**
 * @param program argv[0] as the usage text is to show it
 * @param signals of this process, for the master where it comes to that
 */
export async function fpmCommand(
  args: readonly string[],
  program: string,
  info: InfoPrinter,
  signals: MasterSignals,
): Promise<number> {
  const given: GivenOption[] = [];
  for (const option of readOptions(args)) {
    if (option === undefined || option.name === 'help') {
      process.stdout.write(usage(program));
      return option === undefined ? exitCode.usage : exitCode.ok;
    }
    given.push(option);
    // These two answer at once: what stands behind them is not read.
    if (option.name === 'version') return print(await info.version());
    if (option.name === 'modules') return print(await info.modules(flagsOf(given)));
  }
  const flags = flagsOf(given);
  if (given.some(({ name }) => name === 'info')) return print(await info.information(flags));
  return flags.test > 0 ? testConfiguration(flags) : runMaster(flags, signals);
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
  return {
    configFile: last('fpm-config') ?? iniConfigFile(defines) ?? defaultConfigFile(prefix),
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

/** `-d foo` alone is `foo=1`. */
function normalDefine(text: string): string {
  return text.includes('=') ? text : `${text}=1`;
}

function iniConfigFile(defines: readonly string[]): string | undefined {
  return defines.findLast((define) => define.startsWith('fpm.config='))?.slice('fpm.config='.length);
}

/**
 * Without `-y`: `etc/php-fpm.conf` below the prefix; else Debian's place, newest PHP first; else the place that
 * php-fpm itself and other distributions have.
 */
export function defaultConfigFile(prefix: string | undefined): string {
  if (prefix !== undefined) return join(prefix, 'etc/php-fpm.conf');
  const debian = existsSync('/etc/php') ? readdirSync('/etc/php') : [];
  const newestFirst = debian.sort((left, right) => right.localeCompare(left, 'en', { numeric: true }));
  const candidates = newestFirst.map((version) => `/etc/php/${version}/fpm/php-fpm.conf`);
  return candidates.find((path) => existsSync(path)) ?? '/etc/php-fpm.conf';
}
