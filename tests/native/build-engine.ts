/** Builds the native engine of this checkout into the folder of the argument: a process beside others of a whole run. */
import { buildEngine } from '../../src/engine/native/build.ts';
import { NativeEngineError, readPhpConfig } from '../../src/engine/native/php-config.ts';
import { testedConfig } from './built-engine.ts';

/** Exit code where it cannot be built: the tests that want it say why themselves. */
export const noEngine = 3;

if (import.meta.main) {
  const [, , folder = ''] = process.argv;
  try {
    buildEngine(readPhpConfig(testedConfig()), folder, { extra: ['-Werror'] });
  } catch (error) {
    if (!(error instanceof NativeEngineError)) throw error;
    process.exitCode = noEngine;
  }
}
