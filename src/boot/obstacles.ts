/** Obstacles of this machine or process to a configuration. Only checks, changes nothing. */

import type { Configuration } from '../config/directives.ts';
import { chrootObstacle } from './chroot-check.ts';
import { processObstacles } from './process-settings.ts';

/** @returns log lines with reason and remedy; the same for `-t`, a start and a reload */
export function obstacles(configuration: Configuration): readonly string[] {
  return [
    ...processObstacles(configuration),
    ...configuration.pools.map(chrootObstacle).filter((line) => line !== undefined),
  ];
}
