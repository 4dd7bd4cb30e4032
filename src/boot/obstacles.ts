/** What of this machine or this process keeps a configuration from being in force. Finds it out and changes nothing. */

import type { Configuration } from '../config/directives.ts';
import { chrootObstacle } from './chroot-check.ts';
import { processObstacles } from './process-settings.ts';

/** @returns lines for the log that say why and what to do; the same ones for `-t`, a start and a reload */
export function obstacles(configuration: Configuration): readonly string[] {
  return [
    ...processObstacles(configuration),
    ...configuration.pools.map(chrootObstacle).filter((line) => line !== undefined),
  ];
}
