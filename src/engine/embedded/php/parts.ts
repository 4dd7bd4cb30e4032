/** What is put in place of the engine loader's own: time limits, child processes, locks, network, file rights. */

import type { Engine, EngineImports } from './engine.ts';
import { repairAccess } from './files.ts';
import { LargeFiles } from './large-files.ts';
import { LocaleNames } from './locale-names.ts';
import type { FileLocks } from './locks.ts';
import { repairNetwork } from './network.ts';
import { repairOwnership } from './ownership.ts';
import { repairReading } from './reading.ts';
import { Spawner } from './spawn.ts';
import type { OutputStream } from './streams.ts';
import { type PublishDeadline, TimeLimit } from './time-limit.ts';
import { ScriptMask } from './umask.ts';

/** What the parts need of the thread around them. */
interface PartsHost {
  readonly publishDeadline: PublishDeadline;
  readonly output: OutputStream;
}

/** What exists before the instance does, because the binary's imports are made of it. */
export class Parts {
  readonly limit: TimeLimit;
  readonly mask = new ScriptMask();
  readonly locales = new LocaleNames();
  readonly largeFiles = new LargeFiles();
  readonly spawner: Spawner;
  #locks: FileLocks | undefined;

  constructor(host: PartsHost) {
    this.limit = new TimeLimit(host.publishDeadline);
    this.spawner = new Spawner(host.output);
  }

  repair(imports: EngineImports, engine: () => Engine): void {
    repairAccess(imports, engine);
    repairOwnership(imports, engine);
    repairNetwork(imports, engine);
    repairReading(imports, engine);
    this.largeFiles.repair(imports);
    this.spawner.repair(imports, engine);
    this.limit.repair(imports);
  }

  setLocks(locks: FileLocks): FileLocks {
    this.#locks = locks;
    return locks;
  }

  locks(): FileLocks {
    if (this.#locks === undefined) throw new Error('the PHP engine did not bind its file locks');
    return this.#locks;
  }
}
