/** The slots of a host, in their order: workers of the process manager, of other scripts (worker mode), of the lane. */

import type { PoolSettings } from './pool-settings.ts';

/** The first slot of the lane. */
export function firstLaneSlot({ maxChildren, application }: PoolSettings): number {
  return maxChildren + (application?.otherSlots ?? 0);
}

/** The number of slots of the scoreboard. */
export function slotCount(settings: PoolSettings): number {
  return firstLaneSlot(settings) + settings.laneSlots;
}
