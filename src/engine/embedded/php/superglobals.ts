/** Fills the superglobals again for a request of a booted application. */

import type { CFunction, Engine } from './engine.ts';
import { type GlobalFields, setUndefined } from './global-fields.ts';
import { elementsOf, findElement, nameText } from './hash-tables.ts';
import { zval } from './layout.ts';

/** Position of an array in `PG(http_globals)`. */
const arrays = { server: 3, environment: 4, count: 6 } as const;
/** `zend_auto_global` */
const autoGlobal = { name: 0, callback: 4, isJit: 8, isArmed: 9 } as const;

/**
 * PHP fills some only when it compiles a script that uses them, so these are filled if it ever has. $_SERVER is always
 * filled, since its user may have been compiled long ago. $_ENV stays as it was at the boot.
 */
export class Superglobals {
  readonly #engine: Engine;
  readonly #fields: GlobalFields;
  readonly #serverArray: () => number;
  readonly #destroy: (value: number) => Promise<unknown>;

  /**
   * @param serverArray returns the address of the zval of `$_SERVER` in PHP's globals
   * @param destroy frees a value, whose destructor may wait
   */
  constructor(
    engine: Engine,
    fields: GlobalFields,
    serverArray: () => number,
    destroy: (value: number) => Promise<unknown>,
  ) {
    this.#engine = engine;
    this.#fields = fields;
    this.#serverArray = serverArray;
    this.#destroy = destroy;
  }

  async fill(): Promise<void> {
    const { memory } = this.#engine;
    const first = this.#serverArray() - arrays.server * zval.size;
    const old = memory.allocate(zval.size);
    for (let array = 0; array < arrays.count; array += 1) {
      if (array === arrays.environment) continue;
      const at = first + array * zval.size;
      memory.bytes.copyWithin(old, at, at + zval.size);
      setUndefined(this.#engine, at);
      await this.#destroy(old);
    }
    this.#engine.function('free')(old);
    for (const element of elementsOf(this.#engine, memory.word(this.#fields.autoGlobals))) {
      await this.#fillOne(memory.word(element + zval.value));
    }
  }

  async #fillOne(global: number): Promise<void> {
    const { memory, table } = this.#engine;
    const callback = memory.word(global + autoGlobal.callback);
    const text = memory.word(global + autoGlobal.name);
    const name = nameText(this.#engine, text);
    if (callback === 0 || name === '_ENV') return;
    const isJit = memory.bytes[global + autoGlobal.isJit] !== 0;
    const waits =
      isJit && name !== '_SERVER' && findElement(this.#engine, this.#fields.symbolTable, name) === 0;
    const fill = WebAssembly.promising(table.get(callback) as CFunction) as (name: number) => Promise<number>;
    const isArmed = waits || (await fill(text)) !== 0;
    memory.bytes[global + autoGlobal.isArmed] = Number(isArmed);
  }
}
