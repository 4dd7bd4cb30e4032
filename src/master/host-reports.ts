/** What a host says about itself, for the error log. */

import type { HostFacts } from '../engine/host-messages.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { Generation } from './generation.ts';

/** What runs is said once a pool, and again when a reload changes it. */
export function logHostFacts(
  log: ErrorLog,
  pool: string,
  facts: HostFacts | undefined,
  known: HostFacts | undefined,
): void {
  if (facts === undefined || facts.detail === known?.detail) return;
  // Programs that read the log know the lines of a start by heart, so this is for debugging: an operator has it from
  // `hathi -v`.
  log.debug(`[pool ${pool}] ${facts.detail}`);
  for (const warning of facts.warnings) log.warning(`[pool ${pool}] ${warning}`);
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
