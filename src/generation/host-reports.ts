/** A host's facts about itself, for the error log. */

import type { EngineCommand } from '../engine/engine-command.ts';
import type { HostFacts } from '../engine/host-messages.ts';
import type { PoolVoice } from '../log/pool-voice.ts';

/**
 * The engine is logged once a pool, and again when a reload changes it. The system's own PHP is no news.
 *
 * @param command that started the host
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
