/** State of a booted application that PHP forgets at the end of a request, or that a request may change. */

import type { Engine } from './engine.ts';
import type { GlobalFields } from './global-fields.ts';
import { zval } from './layout.ts';

export class KeptState {
  readonly #engine: Engine;
  readonly #fields: GlobalFields;
  #timezone: string | undefined;
  #sessionHandlers: Buffer[] = [];
  #shutdownFunctions = 0;

  constructor(engine: Engine, fields: GlobalFields) {
    this.#engine = engine;
    this.#fields = fields;
  }

  /** The table of the application's own shutdown functions; 0 without one. */
  get shutdownFunctions(): number {
    return this.#shutdownFunctions;
  }

  /** Before a request. The functions that it registers for its end are apart from the application's. */
  keep(): void {
    const { memory } = this.#engine;
    this.#timezone = this.#currentTimezone();
    this.keepSessionHandlers();
    this.#shutdownFunctions = memory.word(this.#fields.shutdownFunctions);
    memory.setWord(this.#fields.shutdownFunctions, 0);
  }

  /**
   * The session extension forgets a save handler at the end of each request. This keeps the one that the application
   * set before, with a reference.
   */
  keepSessionHandlers(): void {
    const { memory } = this.#engine;
    this.#sessionHandlers = this.#fields.sessionHandlers.map((at) => {
      const isCounted = ((memory.word(at + zval.type) >>> 8) & 1) !== 0;
      const counter = memory.word(at + zval.value);
      if (isCounted) memory.setWord(counter, memory.word(counter) + 1);
      return Buffer.from(memory.bytes.subarray(at, at + zval.size));
    });
  }

  restoreSessionHandlers(): void {
    for (const [index, bytes] of this.#sessionHandlers.splice(0).entries()) {
      bytes.copy(this.#engine.memory.bytes, this.#fields.sessionHandlers[index]);
    }
  }

  restoreShutdownFunctions(): void {
    this.#engine.memory.setWord(this.#fields.shutdownFunctions, this.#shutdownFunctions);
    this.#shutdownFunctions = 0;
  }

  /** Undoes date_default_timezone_set(). */
  restoreTimezone(): void {
    const { memory } = this.#engine;
    const zone = this.#timezone;
    if (this.#currentTimezone() === zone) return;
    const now = memory.word(this.#fields.timezone);
    if (now !== 0) this.#engine.function('_efree')(now);
    const text = zone === undefined ? 0 : memory.allocateString(zone);
    memory.setWord(this.#fields.timezone, zone === undefined ? 0 : this.#engine.function('_estrdup')(text));
    if (text !== 0) this.#engine.function('free')(text);
  }

  #currentTimezone(): string | undefined {
    const { memory } = this.#engine;
    const zone = memory.word(this.#fields.timezone);
    return zone === 0 ? undefined : memory.string(zone);
  }
}
