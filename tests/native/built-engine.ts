/** The native engine of this checkout, built once a test process into a folder of its own. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { buildEngine } from '../../src/engine/native/build.ts';
import { hostCommand, locateEngine } from '../../src/engine/native/locate.ts';
import { NativeEngineError, readPhpConfig } from '../../src/engine/native/php-config.ts';
import { phpConfig } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';

export interface NativeBuild {
  /** Command line of the host; empty when it is skipped. */
  readonly command: readonly string[];
  /** Folder for HATHI_ENGINE_DIR. */
  readonly folder: string;
  readonly skip: string | false;
}

let known: NativeBuild | undefined;

/** HATHI_TEST_SANITIZE=address or undefined builds the engine with that sanitizer, for the same tests. */
const sanitizer = process.env['HATHI_TEST_SANITIZE'];

/** Flags of the sanitizer. That of undefined behaviour needs no library: it ends the process by SIGILL. */
function sanitizerFlags(): string[] {
  if (sanitizer === undefined) return [];
  const common = ['-O1', '-fno-omit-frame-pointer', `-fsanitize=${sanitizer}`];
  return sanitizer === 'undefined' ? [...common, '-fsanitize-undefined-trap-on-error'] : common;
}

/** The address sanitizer wants to be loaded before everything else; PHP frees little when it ends. */
function withSanitizer(command: readonly string[]): readonly string[] {
  if (sanitizer !== 'address') return command;
  const library = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  const preload = (argument: string): string => argument.replace(/^LD_PRELOAD=/, `LD_PRELOAD=${library}:`);
  const options = 'ASAN_OPTIONS=detect_leaks=0:handle_segv=0:use_sigaltstack=0:verify_asan_link_order=0';
  return command.flatMap((argument, index) => (index === 0 ? [argument, options] : [preload(argument)]));
}

/** The php-config of the tested PHP; any that there is where that one is not installed. */
export function testedConfig(): string | undefined {
  return existsSync(phpConfig) ? phpConfig : undefined;
}

/** Builds it, or says why that cannot be done on this machine. A compiler error is a failure, not a reason. */
export function nativeBuild(): NativeBuild {
  known ??= given() ?? build();
  return known;
}

/** HATHI_TEST_ENGINE names a folder with a build of these sources, made once for a whole run. */
function given(): NativeBuild | undefined {
  const folder = process.env['HATHI_TEST_ENGINE'];
  if (folder === undefined || sanitizer !== undefined) return undefined;
  const located = locateEngine(undefined, [folder]);
  if ('missing' in located) throw new Error(`HATHI_TEST_ENGINE="${folder}": ${located.missing}`);
  return { command: hostCommand(located.engine, 'php-fpm: host of pool www'), folder, skip: false };
}

function build(): NativeBuild {
  try {
    const php = readPhpConfig(testedConfig());
    const folder = new TestFolder('hathi-engine-');
    const engine = buildEngine(php, folder.path, {
      extra: ['-Werror', ...sanitizerFlags()],
      tries: sanitizer === undefined,
    });
    const command = withSanitizer(hostCommand(engine, 'php-fpm: host of pool www'));
    return { command, folder: folder.path, skip: false };
  } catch (error) {
    if (!(error instanceof NativeEngineError) || /the compiler failed/.test(error.message)) throw error;
    return { command: [], folder: '', skip: error.message };
  }
}
