/** The end of a request of a booted application goes on after a fatal error in one of its parts, as PHP's own does. */

import type { Engine } from './engine.ts';

export class FatalGuard {
  readonly #engine: Engine;
  /** The first one of the request; an object, because anything may be thrown. */
  #failure: { readonly error: unknown } | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A request begins. */
  begin(): void {
    this.#failure = undefined;
  }

  /** A fatal error was noticed elsewhere. The stack of C is where it has left it. */
  note(error: unknown): void {
    this.#failure ??= { error };
  }

  /** A fatal error in the call is kept, and what follows runs. @throws anything else */
  async attempt(call: () => Promise<unknown>): Promise<void> {
    const stack = this.#engine.function('emscripten_stack_get_current')();
    try {
      await call();
    } catch (error) {
      if (!isBailout(error)) throw error;
      this.#engine.function('_emscripten_stack_restore')(stack);
      this.note(error);
    }
  }

  /** @throws the kept error */
  rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** A fatal error leaves C by an exception of WebAssembly. */
function isBailout(error: unknown): boolean {
  return error instanceof WebAssembly.Exception;
}
