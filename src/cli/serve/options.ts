/** The command line of `hathi serve`. */
import { parseArgs } from 'node:util';
import { phpVersion, UsageError, wholeNumber } from './option-values.ts';

/** The given options; omitted ones are undefined. */
export interface ServeOptions {
  readonly docroot: string | undefined;
  readonly host: string;
  readonly port: number;
  /** Such as `8.4`; undefined means the engine's default. */
  readonly php: string | undefined;
  /** A fixed number of workers; undefined lets the pool adapt to the load. */
  readonly workers: number | undefined;
  /** Worker mode: the script that boots the application. */
  readonly worker: string | undefined;
  /** The application boots anew when one of its files changes. */
  readonly watch: boolean;
  /** A file with more directives for the pool. */
  readonly config: string | undefined;
  readonly user: string | undefined;
  readonly allowRoot: boolean;
  readonly color: boolean;
  readonly dashboard: boolean;
}

/** The text of `hathi serve --help`. */
export const serveHelp = `Usage: hathi serve [docroot] [options]

Serves a PHP site for development: static files and PHP, on one address.
Without a docroot, the first of public, web, htdocs and . that has an index.php or index.html.

  --php VERSION      PHP version, such as 8.4
  --workers N        exactly N PHP workers (default: as many as needed, at most one a core, at least 2)
  --worker SCRIPT    worker mode: SCRIPT boots the application once and takes the requests, such as public/index.php
                     (native engine; the docroot is its folder unless given)
  --watch            with --worker: boot the application anew when one of its files changes
  --port PORT        port (default: the environment variable PORT, else 8080)
  --host HOST        address to listen on (default: 127.0.0.1; others make the site accessible to other machines)
  --config FILE      more directives for the pool, as in a php-fpm pool file
  --user NAME        as root: run PHP as this user (default: the owner of the docroot)
  -R, --allow-to-run-as-root
                     as root: run PHP as root after all
  --no-dashboard     no dashboard (it has its own loopback port)
  --no-color         no colours in the log (only a terminal gets them)
  --help             this text
`;

const defaultPort = 8080;

/**
 * Parses the command line after the word `serve`.
 *
 * @param environment - PORT and NO_COLOR are used.
 * @param isTerminal - Whether the log goes to a terminal: only a terminal gets colours.
 * @returns 'help' for --help.
 * @throws UsageError that names the option and its valid values.
 */
export function parseServeOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): ServeOptions | 'help' {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  if (positionals.length > 1) {
    throw new UsageError(
      `cannot serve ${positionals.length} folders: "${positionals.join('" "')}": give one docroot`,
    );
  }
  return {
    docroot: positionals[0],
    host: values.host ?? '127.0.0.1',
    port: portOf(values.port, environment['PORT']),
    php: values.php === undefined ? undefined : phpVersion(values.php, '8.4'),
    workers: values.workers === undefined ? undefined : wholeNumber('--workers', values.workers, 1, 1000),
    worker: values.worker,
    watch: watchOf(values),
    config: values.config,
    user: values.user,
    allowRoot: values['allow-to-run-as-root'] ?? false,
    color: isTerminal && !(values['no-color'] ?? false) && !environment['NO_COLOR'],
    dashboard: !(values['no-dashboard'] ?? false),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        php: { type: 'string' },
        workers: { type: 'string' },
        worker: { type: 'string' },
        watch: { type: 'boolean' },
        port: { type: 'string' },
        host: { type: 'string' },
        config: { type: 'string' },
        user: { type: 'string' },
        'allow-to-run-as-root': { type: 'boolean', short: 'R' },
        'no-color': { type: 'boolean' },
        'no-dashboard': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(`cannot read the command line: ${(error as Error).message}`);
  }
}

function watchOf({ watch = false, worker }: { watch?: boolean; worker?: string }): boolean {
  if (watch && worker === undefined)
    throw new UsageError('cannot use --watch without --worker: other scripts are read for each request');
  return watch;
}

/** An empty PORT counts as unset, as in most tools. */
function portOf(option: string | undefined, variable: string | undefined): number {
  if (option !== undefined) return wholeNumber('--port', option, 0, 65535);
  return variable ? wholeNumber('PORT', variable, 0, 65535) : defaultPort;
}
