/** The way back of a master that has let go for an upgrade: the next one has failed. */

import type { PoolConfig } from '../config/directives.ts';
import { installedEngine } from '../engine/choice/select.ts';
import type { EngineCommand } from '../engine/engine-command.ts';
import { Master } from '../master/master.ts';
import type { MasterOptions } from '../master/master-types.ts';
import type { MasterEnd } from '../master/predecessor.ts';
import { endByFault, type FailingMaster } from './last-words.ts';

type TakenBack = Extract<MasterEnd, { readonly type: 'takesBack' }>;

/** After an upgrade that failed late: a master on the same configuration and sockets finds its hosts again. */
export async function takeBack(
  options: MasterOptions,
  { configuration, sockets, done }: TakenBack,
  faults: (master: FailingMaster) => void,
): Promise<Master> {
  const nobody = async (): Promise<void> => {};
  const predecessor = { sockets, serves: new Set<string>(), prepared: nobody, serving: nobody };
  const master = new Master({ ...options, configuration, predecessor });
  faults(master);
  try {
    await master.start();
  } catch (error) {
    options.log.alert(
      `the master cannot go on after the upgrade, its hosts serve on: ${(error as Error).message}`,
    );
    endByFault();
  }
  done();
  return master;
}

/** The engines as they were found last: after an upgrade that failed, what is on disk may be another version's. */
export class KnownEngines {
  readonly #found = new Map<string, EngineCommand>();
  #remembers = false;

  of(pool: PoolConfig): EngineCommand {
    const known = this.#remembers ? this.#found.get(pool.name) : undefined;
    const command = known ?? installedEngine(pool);
    this.#found.set(pool.name, command);
    return command;
  }

  /** Runs something for which the engines are those of before. */
  async remembered<T>(act: () => Promise<T>): Promise<T> {
    this.#remembers = true;
    try {
      return await act();
    } finally {
      this.#remembers = false;
    }
  }
}
