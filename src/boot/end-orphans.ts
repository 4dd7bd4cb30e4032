/** Ends the hosts of a killed master, and closes the sockets of its pools: for a service that is stopped for good. */

import { instanceFolder, type MasterName } from '../config/admin-place.ts';
import { ErrorLog } from '../log/error-log.ts';
import { HostSurvival } from '../master/host-survival.ts';

/** @param told receives what is in the way, one line each */
export async function endOrphans(
  name: MasterName,
  env: NodeJS.ProcessEnv,
  told: (line: string) => void,
): Promise<void> {
  const folder = instanceFolder('hosts', name, env, process.getuid?.() ?? 0);
  if (folder === undefined) return;
  const log = new ErrorLog({ level: 'warning', sink: told });
  const survival = new HostSurvival({ folder, log, env, seconds: () => 0 });
  const listeners = survival.find();
  await survival.endRest();
  for (const listener of listeners) listener.remove(log);
  survival.close();
}
