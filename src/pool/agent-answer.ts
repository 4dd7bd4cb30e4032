/**
 * A pool's answer to HAProxy's agent check: whether it takes connections, and its weight. Source: HAProxy's
 * configuration manual, "agent-check".
 */

import { type Load, saturation } from './saturation.ts';

export interface AgentFacts {
  /** A host serves the pool, or the first connection starts it. */
  readonly isServed: boolean;
  /** An operator has drained the pool. */
  readonly isDrained: boolean;
  /** The master is stopping and still accepts for `shutdown.delay`. */
  readonly isLeaving: boolean;
  readonly load: Load;
}

/**
 * The line of an answer. `ready` ends an earlier drain or maintenance; a full pool drains, since the smallest weight
 * would still send it connections.
 */
export function agentAnswer({ isServed, isDrained, isLeaving, load }: AgentFacts): string {
  if (isDrained) return 'maint\n';
  if (isLeaving) return 'drain\n';
  if (!isServed) return 'ready down#no host serves the pool\n';
  const level = saturation(load);
  return level >= 1 ? 'drain\n' : `ready up ${Math.max(1, Math.round(100 * (1 - level)))}%\n`;
}
