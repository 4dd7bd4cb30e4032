/** The only list of checks: the command, its documentation and the tests derive from it. */

import { capacityChecks } from './checks-capacity.ts';
import { htaccessChecks } from './checks-htaccess.ts';
import { liveChecks } from './checks-live.ts';
import { logChecks } from './checks-logs.ts';
import { machineChecks } from './checks-machine.ts';
import { phpChecks } from './checks-php.ts';
import { socketChecks } from './checks-sockets.ts';
import { wallChecks } from './checks-walls.ts';
import { webChecks } from './checks-web.ts';
import type { Check } from './finding.ts';

/** By subject, for the documentation. */
export const checkGroups: readonly { readonly name: string; readonly checks: readonly Check[] }[] = [
  { name: 'Configuration and machine', checks: machineChecks },
  { name: 'Capacity', checks: capacityChecks },
  { name: 'Sockets', checks: socketChecks },
  { name: 'Walls', checks: wallChecks },
  { name: 'Web servers', checks: [...webChecks, ...htaccessChecks] },
  { name: 'Logs and time limits', checks: logChecks },
  { name: 'PHP', checks: phpChecks },
  { name: 'Under load', checks: liveChecks },
];

export const checks: readonly Check[] = checkGroups.flatMap((group) => group.checks);
