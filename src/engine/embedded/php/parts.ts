/** Replacements for parts of the engine loader: time limits, child processes, locks, network, file rights. */

import { guardImports } from './boundary.ts';
import type { Engine, EngineImports } from './engine.ts';
import { repairAccess } from './files.ts';
import { type HeapHost, HeapLimit } from './heap-limit.ts';
import { LargeFiles } from './large-files.ts';
import { LocaleNames } from './locale-names.ts';
import type { FileLocks } from './locks.ts';
import { repairNetwork } from './network.ts';
import { repairOwnership } from './ownership.ts';
import { repairPipes } from './pipes.ts';
import { Polling } from './polling.ts';
import { Reading } from './reading.ts';
import { setReplaced } from './replaced-functions.ts';
import { Spawner } from './spawn.ts';
import type { OutputStream } from './streams.ts';
import { type PublishDeadline, TimeLimit } from './time-limit.ts';
import { ScriptMask } from './umask.ts';
import { Waiting } from './waiting.ts';

/** The parts' interface to their thread. */
interface PartsHost {
  readonly publishDeadline: PublishDeadline;
  readonly output: OutputStream;
  readonly heap: HeapHost;
}

/** Exists before the instance, because the binary's imports derive from it. */
export class Parts {
  readonly limit: TimeLimit;
  readonly heap: HeapLimit;
  readonly mask = new ScriptMask();
  readonly locales = new LocaleNames();
  readonly largeFiles = new LargeFiles();
  readonly waiting = new Waiting();
  readonly spawner: Spawner;
  readonly #polling: Polling;
  #engine: () => Engine = () => {
    throw new Error('the engine was called before it was started');
  };
  #locks: FileLocks | undefined;

  constructor(host: PartsHost) {
    const engine = (): Engine => this.#engine();
    this.limit = new TimeLimit(host.publishDeadline, this.waiting);
    this.heap = new HeapLimit(host.heap);
    this.spawner = new Spawner(host.output, engine, this.waiting);
    this.#polling = new Polling(engine, this.waiting);
  }

  /** @param engine returns the engine; called once the binary runs */
  repair(imports: EngineImports, engine: () => Engine): void {
    this.#engine = engine;
    guardImports(imports);
    repairAccess(imports, engine);
    repairOwnership(imports, engine);
    repairNetwork(imports, engine, this.waiting);
    repairSleep(imports, this.waiting);
    repairPipes(imports, engine, this.waiting);
    new Reading(engine, this.waiting).repair(imports);
    this.#polling.repair(imports);
    this.largeFiles.repair(imports);
    this.spawner.repair(imports);
    this.limit.repair(imports);
    this.heap.repair(imports);
    guardImports(imports);
  }

  /** For parts that are not imports; before PHP's start. */
  install(): void {
    setReplaced(this.#engine(), '__wrap_select', this.#polling.selectPointer());
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

/** sleep() and similar calls, interruptible. */
function repairSleep(imports: EngineImports, waiting: Waiting): void {
  imports['emscripten_sleep'] = new WebAssembly.Suspending(async (milliseconds: number) => {
    await waiting.pause(milliseconds >>> 0);
  });
}
