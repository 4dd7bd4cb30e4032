/**
 * The program under test. A whole run builds it once, as it is published, and names its folder in HATHI_TEST_PROGRAM:
 * each of some thousand processes then starts in half the time. A single file of tests runs the sources.
 */
import { join } from 'node:path';
import { readableCheckout } from './folder.ts';

const built = process.env['HATHI_TEST_PROGRAM'];

/** The command line: `bin/hathi`. */
export function launcher(): string {
  return join(built ?? readableCheckout(), 'bin/hathi');
}

/** The module that the embedded engine's hosts run. */
export function embeddedHostModule(): string {
  return built === undefined
    ? join(readableCheckout(), 'src/engine/embedded/host/host.ts')
    : join(built, 'dist/engine/embedded/host/host.js');
}
