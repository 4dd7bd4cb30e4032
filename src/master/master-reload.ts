/** What comes before a reload changes anything: the file is read, then everything that it asks for is opened. */

import type { Configuration } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { MasterOptions } from './master-types.ts';
import type { PreparedPool } from './pool-context.ts';
import type { PoolSet } from './pool-set.ts';
import type { MasterResources } from './resources.ts';
import { MasterStartError } from './start-error.ts';

/** @returns undefined when the configuration is not valid or cannot be read; the log has been told why */
export function readAgain({ reloadConfiguration, log }: MasterOptions): Configuration | undefined {
  try {
    return reloadConfiguration();
  } catch (error) {
    log.sysError('cannot read the configuration', error);
    return undefined;
  }
}

/** @returns undefined when a socket, a log or an engine of the new configuration cannot be had */
export async function prepareReload(
  configuration: Configuration,
  log: ErrorLog,
  resources: MasterResources,
  pools: PoolSet,
): Promise<PreparedPool[] | undefined> {
  log.notice(`reloading: starting ${configuration.pools.length} pool(s) anew from ${configuration.file}`);
  try {
    return await resources.prepare(configuration, pools.source);
  } catch (error) {
    // What is expected has been logged; whatever else it is, the pools that run must not pay for it.
    if (!(error instanceof MasterStartError)) log.sysError('cannot reload', error);
    resources.retain(pools.runners);
    return undefined;
  }
}
