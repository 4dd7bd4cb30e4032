/** Start and end of a request in extensions that keep state of a request by design. */

import type { CFunction, Engine } from './engine.ts';
import { findElement } from './hash-tables.ts';
import { moduleEntry, zval } from './layout.ts';
import type { LoopFunction } from './main-stack.ts';

/** Those of `worker.reset` follow. */
const alwaysReset = ['filter', 'session', 'random', 'zlib', 'tidy'];

/** RINIT and RSHUTDOWN. */
type Stage = 'start' | 'stop';

/** Calls one of {@link ExtensionStages.functions}. */
type Call = (name: string, ...args: number[]) => Promise<unknown>;
/** Calls what may end by a fatal error, and goes on after one. */
type Attempt = (call: () => Promise<unknown>) => Promise<void>;

export class ExtensionStages {
  readonly #engine: Engine;
  /** Addresses of their `zend_module_entry`, in PHP's order. */
  readonly #modules: readonly number[];

  /**
   * @param more of `worker.reset`
   * @param warn is told about one that this PHP does not have
   */
  constructor(engine: Engine, more: readonly string[], warn: (text: string) => void) {
    this.#engine = engine;
    const found = new Set<number>();
    for (const name of [...alwaysReset, ...more]) {
      const element = findElement(engine, engine.address('module_registry'), name.toLowerCase());
      if (element !== 0) found.add(engine.memory.word(element + zval.value));
      else if (more.includes(name)) warn(`worker.reset: this PHP has no extension "${name}"`);
    }
    this.#modules = [...found];
  }

  /** For the stack on which they run: they may call code of the application. */
  get functions(): LoopFunction[] {
    const { memory, table } = this.#engine;
    return this.#modules.flatMap((module) =>
      (['start', 'stop'] as const).flatMap((stage): LoopFunction[] => {
        const call = memory.word(module + moduleEntry[stage]);
        return call === 0 ? [] : [[nameOf(module, stage), 'iii', table.get(call) as CFunction]];
      }),
    );
  }

  async start(call: Call): Promise<void> {
    for (const module of this.#modules) await this.#run(module, 'start', call);
  }

  async stop(call: Call, attempt: Attempt): Promise<void> {
    const { memory, table } = this.#engine;
    const modules = this.#modules.toReversed();
    for (const module of modules) await attempt(() => this.#run(module, 'stop', call));
    for (const module of modules) {
      const last = memory.word(module + moduleEntry.afterRequest);
      if (last !== 0) (table.get(last) as CFunction)();
    }
  }

  async #run(module: number, stage: Stage, call: Call): Promise<void> {
    const { memory } = this.#engine;
    if (memory.word(module + moduleEntry[stage]) === 0) return;
    const type = memory.bytes[module + moduleEntry.type] ?? 0;
    await call(nameOf(module, stage), type, memory.word(module + moduleEntry.number));
  }
}

function nameOf(module: number, stage: Stage): string {
  return `${stage}${module}`;
}
