/** What comes before a reload changes anything: the file is read, then everything that it asks for is opened. */

import type { Configuration } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { MasterOptions } from './master-types.ts';
import type { PreparedPool } from './pool-context.ts';
import type { PoolSet } from './pool-set.ts';
import type { MasterResources } from './resources.ts';
import { MasterStartError } from './start-error.ts';

/** What a reload came to: what it asked for, or why it is refused, which the log has been told as well. */
export type Prepared<T> = { readonly ready: T } | { readonly refused: readonly string[] };

/** The configuration, unless it is not valid or cannot be read. */
export function readAgain({ reloadConfiguration, log }: MasterOptions): Prepared<Configuration> {
  try {
    const { configuration, problems } = reloadConfiguration();
    return configuration === undefined ? { refused: problems } : { ready: configuration };
  } catch (error) {
    log.sysError('cannot read the configuration', error);
    return { refused: [`cannot read the configuration: ${(error as Error).message}`] };
  }
}

/** What the pools need, unless a socket, a log or an engine of the new configuration cannot be had. */
export async function prepareReload(
  configuration: Configuration,
  log: ErrorLog,
  resources: MasterResources,
  pools: PoolSet,
): Promise<Prepared<PreparedPool[]>> {
  try {
    return { ready: await resources.prepare(configuration, pools.source) };
  } catch (error) {
    // What is expected has been logged; whatever else it is, the pools that run must not pay for it.
    if (!(error instanceof MasterStartError)) log.sysError('cannot reload', error);
    resources.retain(pools.runners);
    return { refused: [(error as Error).message] };
  }
}
