/**
 * What a pool answers to HAProxy's agent check: whether it takes connections, and with what weight.
 * Source: HAProxy's configuration manual, "agent-check".
 */

import { type Load, saturation } from './saturation.ts';

export interface AgentFacts {
  /** A host serves the pool, or is started by the first connection. */
  readonly isServed: boolean;
  /** An operator has taken the pool out. */
  readonly isDrained: boolean;
  /** The master was told to stop and accepts for `shutdown.delay`. */
  readonly isLeaving: boolean;
  readonly load: Load;
}

/**
 * The line of an answer. `ready` ends a drain or maintenance of an earlier answer; a full pool drains, since the smallest
 * weight still sends it connections.
 */
export function agentAnswer({ isServed, isDrained, isLeaving, load }: AgentFacts): string {
  if (isDrained) return 'maint\n';
  if (isLeaving) return 'drain\n';
  if (!isServed) return 'ready down#no host serves the pool\n';
  const level = saturation(load);
  return level >= 1 ? 'drain\n' : `ready up ${Math.max(1, Math.round(100 * (1 - level)))}%\n`;
}
