/** What a host says about itself, for the error log. */

import type { HostFacts } from '../engine/host-messages.ts';
import type { EngineCommand } from '../engine/select.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { Generation } from './generation.ts';

/**
 * What runs is said once a pool, and again when a reload changes it. That it is the system's own PHP is no news.
 *
 * @param command that the host was started with
 */
export function logHostFacts(
  log: ErrorLog,
  pool: string,
  facts: HostFacts,
  { engine, instead }: Pick<EngineCommand, 'engine' | 'instead'>,
): void {
  log.write(engine === 'native' ? 'debug' : 'notice', `[pool ${pool}] ${facts.detail}`);
  const because = instead === undefined ? [] : [`runs with the embedded engine: ${instead}`];
  for (const warning of [...because, ...facts.warnings]) log.warning(`[pool ${pool}] ${warning}`);
}

/** What a host wrote into its own stdout or stderr, where nothing is expected. */
export function logHostChatter(
  log: ErrorLog,
  { name, host }: Generation,
  stream: 'stdout' | 'stderr',
  text: string,
): void {
  for (const line of text.split('\n').filter((part) => part !== '')) {
    log.warning(`[pool ${name}] host ${host.pid} said into ${stream}: "${line}"`);
  }
}
