/** What a host says about itself, for the error log. */

import type { EngineCommand } from '../engine/engine-command.ts';
import type { HostFacts } from '../engine/host-messages.ts';
import type { PoolVoice } from '../log/pool-voice.ts';

/**
 * What runs is said once a pool, and again when a reload changes it. That it is the system's own PHP is no news.
 *
 * @param command that the host was started with
 */
export function sayHostFacts(
  voice: PoolVoice,
  { detail, warnings }: HostFacts,
  { engine, instead }: Pick<EngineCommand, 'engine' | 'instead'>,
): void {
  voice.message(engine === 'native' ? 'debug' : 'notice', detail);
  if (instead !== undefined) voice.message('warning', `runs with the embedded engine: ${instead}`);
  for (const warning of warnings) voice.message('warning', warning);
}
