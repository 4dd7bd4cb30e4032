/**
 * A pool's answer to HAProxy's agent check: whether it takes connections, and its weight. Source: HAProxy's
 * configuration manual, "agent-check".
 */

export interface AgentFacts {
  /** A host serves the pool, or the first connection starts it. */
  readonly isServed: boolean;
  /** An operator has drained the pool. */
  readonly isDrained: boolean;
  /** The master is stopping and still accepts for `shutdown.delay`. */
  readonly isLeaving: boolean;
  /** It has been full for a while, and is not well below its limit again. */
  readonly isSaturated: boolean;
  /** Mean of the last seconds. */
  readonly saturation: number;
}

/**
 * The line of an answer. `ready` ends an earlier drain or maintenance; a saturated pool drains, since the smallest
 * weight would still send it connections. One that is full for a moment does not: where every node is full for a moment,
 * the balancer would have no node left, and answer 503.
 */
export function agentAnswer({ isServed, isDrained, isLeaving, isSaturated, saturation }: AgentFacts): string {
  if (isDrained) return 'maint\n';
  if (isLeaving) return 'drain\n';
  if (!isServed) return 'ready down#no host serves the pool\n';
  return isSaturated ? 'drain\n' : `ready up ${Math.max(1, Math.round(100 * (1 - saturation)))}%\n`;
}
