/**
 * PHP-FPM's command line: one table of options, a parser for PHP's own getopt forms, and the usage text. Source:
 * php-fpm(8), and `php-fpm -h` for the text.
 */

import { basename } from 'node:path';
import { commandsUsage } from './commands.ts';

export type OptionName =
  | 'php-ini'
  | 'no-php-ini'
  | 'define'
  | 'profile-info'
  | 'help'
  | 'info'
  | 'modules'
  | 'version'
  | 'fpm-config'
  | 'test'
  | 'prefix'
  | 'pid'
  | 'allow-to-run-as-root'
  | 'daemonize'
  | 'nodaemonize'
  | 'force-stderr';

interface OptionRow {
  readonly short: readonly string[];
  readonly long: readonly string[];
  readonly name: OptionName;
  readonly takesValue: boolean;
}

export const optionTable: readonly OptionRow[] = [
  { short: ['c'], long: ['php-ini'], name: 'php-ini', takesValue: true },
  { short: ['n'], long: ['no-php-ini'], name: 'no-php-ini', takesValue: false },
  { short: ['d'], long: ['define'], name: 'define', takesValue: true },
  { short: ['e'], long: ['profile-info'], name: 'profile-info', takesValue: false },
  { short: ['h', '?'], long: ['help', 'usage'], name: 'help', takesValue: false },
  { short: ['i'], long: ['info'], name: 'info', takesValue: false },
  { short: ['m'], long: ['modules'], name: 'modules', takesValue: false },
  { short: ['v'], long: ['version'], name: 'version', takesValue: false },
  { short: ['y'], long: ['fpm-config'], name: 'fpm-config', takesValue: true },
  { short: ['t'], long: ['test'], name: 'test', takesValue: false },
  { short: ['p'], long: ['prefix'], name: 'prefix', takesValue: true },
  { short: ['g'], long: ['pid'], name: 'pid', takesValue: true },
  { short: ['R'], long: ['allow-to-run-as-root'], name: 'allow-to-run-as-root', takesValue: false },
  { short: ['D'], long: ['daemonize'], name: 'daemonize', takesValue: false },
  { short: ['F'], long: ['nodaemonize'], name: 'nodaemonize', takesValue: false },
  { short: ['O'], long: ['force-stderr'], name: 'force-stderr', takesValue: false },
];

/** One given option, in command-line order; `stray` is an argument that is no option and ends them. */
export interface GivenOption {
  readonly name: OptionName | 'stray';
  readonly value: string;
}

/**
 * Parses the command line from left to right as PHP's getopt does: `-y file`, `-yfile`, `-y=file`, `--fpm-config file`,
 * `--fpm-config=file`, clustered flags (`-tt`, `-FOR`). The last element is `undefined` for an unknown option or a
 * missing value: earlier options still count, as in php-fpm (`-v -Z` prints the version).
 */
export function* readOptions(args: readonly string[]): Generator<GivenOption | undefined> {
  let index = 0;
  while (index < args.length) {
    const arg = args[index++] ?? '';
    if (arg === '--' && index === args.length) return;
    if (!arg.startsWith('-') || arg === '-' || arg === '--') return yield { name: 'stray', value: arg };
    const next = (): string | undefined => args[index++];
    const complete = arg.startsWith('--')
      ? yield* readLong(arg.slice(2), next)
      : yield* readCluster(arg, next);
    if (!complete) return yield undefined;
  }
}

function* readLong(text: string, next: () => string | undefined): Generator<GivenOption, boolean> {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const row = optionTable.find((candidate) => candidate.long.includes(name));
  if (row === undefined) return false;
  // As in php-fpm, an empty value after the equals sign is an error for every option.
  if (equals === text.length - 1) return false;
  // A value for a flag (`--test=1`) is accepted and ignored.
  if (!row.takesValue) {
    yield { name: row.name, value: '' };
    return true;
  }
  const value = equals < 0 ? next() : text.slice(equals + 1);
  if (value === undefined) return false;
  yield { name: row.name, value };
  return true;
}

function* readCluster(arg: string, next: () => string | undefined): Generator<GivenOption, boolean> {
  for (let at = 1; at < arg.length; at++) {
    const row = optionTable.find((candidate) => candidate.short.includes(arg[at] ?? ''));
    if (row === undefined) return false;
    if (!row.takesValue) {
      yield { name: row.name, value: '' };
      continue;
    }
    const rest = arg.slice(at + 1);
    const value = rest === '' ? next() : rest.replace(/^=/, '');
    if (value === undefined) return false;
    yield { name: row.name, value };
    return true;
  }
  return true;
}

/** The usage text of php-fpm(8); its first line has the name by which the program was called. */
export function usage(program: string): string {
  const name = program.includes('/') ? basename(program) : program;
  return `Usage: ${name} [-n] [-e] [-h] [-i] [-m] [-v] [-t] [-p <prefix>] [-g <pid>] [-c <file>] [-d foo[=bar]] [-y <file>] [-D] [-F [-O]]
  -c <path>|<file> Look for php.ini file in this directory
  -n               No php.ini file will be used
  -d foo[=bar]     Define INI entry foo with value 'bar'
  -e               Generate extended information for debugger/profiler
  -h               This help
  -i               PHP information
  -m               Show compiled in modules
  -v               Version number
  -p, --prefix <dir>
                   Specify alternative prefix path to FastCGI process manager (default: /usr).
  -g, --pid <file>
                   Specify the PID file location.
  -y, --fpm-config <file>
                   Specify alternative path to FastCGI process manager config file.
  -t, --test       Test FPM configuration and exit
  -D, --daemonize  force to run in background, and ignore daemonize option from config file
  -F, --nodaemonize
                   force to stay in foreground, and ignore daemonize option from config file
  -O, --force-stderr
                   force output to stderr in nodaemonize even if stderr is not a TTY
  -R, --allow-to-run-as-root
                   Allow pool to run as root (disabled by default)

Hathi's own commands:
${commandsUsage(name)}`;
}
