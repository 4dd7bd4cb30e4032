/** The native engine of this checkout, built once a test process into a folder of its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { HostCommand } from '../../src/engine/engine-command.ts';
import { buildEngine, sourcesHash } from '../../src/engine/native/build.ts';
import { hostCommand, locateEngine, templateCommand } from '../../src/engine/native/locate.ts';
import {
  NativeEngineError,
  type PhpInstallation,
  readPhpConfig,
} from '../../src/engine/native/php-config.ts';
import type { BuiltEngine } from '../../src/engine/native/store.ts';
import { phpConfig } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { buildSanitized, sanitizerReports, wantedSanitizer } from './sanitizer.ts';

export interface NativeBuild {
  /** Command line of the host; empty when it is skipped. */
  readonly command: readonly string[];
  /** Program of a template. */
  readonly template: HostCommand;
  /** Folder for HATHI_ENGINE_DIR. */
  readonly folder: string;
  readonly skip: string | false;
}

const hostTitle = 'php-fpm: host for www';

let known: NativeBuild | undefined;

/** A worker that the sanitizer ended may look like any lost request: what it wrote fails the file of tests. */
function failOnReports(folder: string): void {
  for (const report of sanitizerReports(folder)) {
    process.stderr.write(report);
    process.exitCode = 1;
  }
}

/** The php-config of the tested PHP; any that there is where that one is not installed. */
export function testedConfig(): string | undefined {
  return existsSync(phpConfig) ? phpConfig : undefined;
}

/** A single file of tests finds what the one before it has built of the same sources. */
function keptBuild(php: PhpInstallation): NativeBuild {
  const name = `${php.api}-${sourcesHash().slice(0, 16)}`;
  const folder = join(checkout, 'node_modules/.cache/hathi-engines', name);
  const located = locateEngine(undefined, [folder]);
  const engine = 'engine' in located ? located.engine : buildEngine(php, folder, { extra: ['-Werror'] });
  return commandsOf(engine, folder);
}

/** Builds it, or says why that cannot be done on this machine. A compiler error is a failure, not a reason. */
export function nativeBuild(): NativeBuild {
  known ??= given() ?? build();
  return known;
}

/** HATHI_TEST_ENGINE names a folder with a build of these sources, made once for a whole run. */
function given(): NativeBuild | undefined {
  const folder = process.env['HATHI_TEST_ENGINE'];
  if (folder === undefined || wantedSanitizer() !== undefined) return undefined;
  const located = locateEngine(undefined, [folder]);
  if ('missing' in located) throw new Error(`HATHI_TEST_ENGINE="${folder}": ${located.missing}`);
  return commandsOf(located.engine, folder);
}

function commandsOf(engine: BuiltEngine, folder: string): NativeBuild {
  return { command: hostCommand(engine, hostTitle), template: templateCommand(engine), folder, skip: false };
}

function build(): NativeBuild {
  try {
    const php = readPhpConfig(testedConfig());
    const sanitizer = wantedSanitizer();
    if (sanitizer === undefined) return keptBuild(php);
    const folder = new TestFolder('hathi-engine-');
    const engine = buildSanitized(php, folder.path, sanitizer);
    // Before the folder's own end, which takes the reports with it.
    process.prependOnceListener('exit', () => failOnReports(folder.path));
    return commandsOf(engine, folder.path);
  } catch (error) {
    if (!(error instanceof NativeEngineError) || /the compiler failed/.test(error.message)) throw error;
    return { command: [], template: { file: '', args: [] }, folder: '', skip: error.message };
  }
}
