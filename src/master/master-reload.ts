/** What comes before a reload changes anything: the file is read, then everything that it asks for is opened. */

import type { Configuration } from '../config/directives.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import { Abandoned, type Turns } from '../runtime/turns.ts';
import type { MasterOptions } from './master-types.ts';
import type { Plan } from './plan.ts';
import type { MasterResources } from './resources.ts';

/** What a reload came to: what it asked for, or why it is refused, which the log has been told as well. */
export type Prepared<T> = { readonly ready: T } | { readonly refused: readonly string[] };

/** The configuration, unless it is not valid or cannot be read. */
export async function readAgain(
  { reloadConfiguration, log }: MasterOptions,
  turns: Turns,
): Promise<Prepared<Configuration>> {
  try {
    const { configuration, problems } = await reloadConfiguration(turns);
    return configuration === undefined ? { refused: problems } : { ready: configuration };
  } catch (error) {
    if (error instanceof Abandoned) return { refused: [error.message] };
    log.sysError('cannot read the configuration', error);
    return { refused: [`cannot read the configuration: ${(error as Error).message}`] };
  }
}

/** What it needs, opened, unless a socket, a log or an engine cannot be had. */
export async function planReload(
  configuration: Configuration,
  { log, planProcess }: MasterOptions,
  resources: MasterResources,
  turns: Turns,
): Promise<Prepared<Plan>> {
  try {
    return { ready: await resources.plan(configuration, turns, planProcess) };
  } catch (error) {
    // What is expected has been logged; whatever else it is, the pools that run must not pay for it.
    if (!(error instanceof MasterStartError)) log.sysError('cannot reload', error);
    return { refused: [(error as Error).message] };
  }
}
