/** `hathi build`: compiles the native engine for a PHP of this machine. */

import { parseArgs } from 'node:util';
import { buildEngine, type Hosting, hostings, sourcesHash } from '../engine/native/build.ts';
import { NativeEngineError, type PhpInstallation, readPhpConfig } from '../engine/native/php-config.ts';
import {
  engineFile,
  engineFolder,
  hostFile,
  listEngines,
  packagedFolder,
  staleReason,
} from '../engine/native/store.ts';
import { exitCode } from '../runtime/exit-code.ts';
import { Progress } from './watch/progress.ts';

const usage = `Usage: hathi build [--php-config PROGRAM] [--host HOW] [--force]

Compiles the native engine for the PHP of PROGRAM (php-config, php-config8.2, ...). Pools with
engine = native or auto use it from their next start or reload on.

  --php-config PROGRAM   which PHP; default: the first php-config found
  --host HOW             preload: into PHP's own program; libphp: a program of our own, linked with PHP's library;
                         auto (default): preload where it works, else libphp
  --force                compile even if the existing engine is up to date
  -h, --help             this text

Engines are kept in ${engineFolder()} (HATHI_ENGINE_DIR names another folder).
`;

/** @returns the exit code */
export async function buildCommand(
  args: string[],
  out: { readonly stdout: NodeJS.WritableStream; readonly stderr: NodeJS.WritableStream } = process,
): Promise<number> {
  const options = readArguments(args);
  if (options === undefined || options.help) {
    (options === undefined ? out.stderr : out.stdout).write(usage);
    return options === undefined ? exitCode.usage : exitCode.ok;
  }
  try {
    const hosting = readHosting(options.host);
    const php = readPhpConfig(options['php-config']);
    // The compiler runs synchronously, so one line is the only progress.
    using progress = new Progress(out.stderr, process.env);
    progress.step(`compiling the native engine for PHP ${php.version}`);
    const told = build(php, hosting, options.force ?? false);
    progress.clear();
    out.stdout.write(`${told}\n`);
    return exitCode.ok;
  } catch (error) {
    if (!(error instanceof NativeEngineError)) throw error;
    out.stderr.write(`hathi build: ${error.message}\n`);
    return exitCode.software;
  }
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        'php-config': { type: 'string' },
        host: { type: 'string' },
        force: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch {
    return undefined;
  }
}

function readHosting(given: string | undefined): Hosting {
  if (given === undefined) return 'auto';
  const known = hostings.find((hosting) => hosting === given);
  if (known !== undefined) return known;
  throw new NativeEngineError(`--host must be one of ${hostings.join(', ')}, not "${given}"`);
}

function build(php: PhpInstallation, hosting: Hosting, force: boolean): string {
  const folder = engineFolder();
  const there = [folder, packagedFolder]
    .flatMap((place) => listEngines(place).filter(({ file }) => file === engineFile(place, php.api)))
    .at(0);
  const fits =
    there !== undefined &&
    there.record.host === php.binary &&
    (hosting === 'auto' || (hosting === 'libphp') === (there.record.linked !== undefined)) &&
    staleReason(there, sourcesHash()) === undefined;
  if (fits && !force) return `The native engine for PHP ${php.version} is up to date: ${there.file}`;
  const started = performance.now();
  const { file, record } = buildEngine(php, folder, { hosting });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  return `Built the native engine for PHP ${php.version} (${hostFile(record)}) in ${seconds} s: ${file}`;
}
