/** Watches PHP's errors: after a fatal error no other request may run on the same memory. */

import type { Engine } from './engine.ts';

/** E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR, E_USER_ERROR. */
const fatalLevels = 1 | 4 | 16 | 64 | 256;

export class ErrorWatch {
  fatal = false;

  constructor(engine: Engine) {
    const observe = (type = 0): void => {
      this.fatal ||= (type & fatalLevels) !== 0;
    };
    if (engine.has('zend_observer_error_register')) {
      engine.function('zend_observer_error_register')(engine.pointer('viiii', observe));
      return;
    }
    // PHP 7.4 has no error observers: replace its error function and call the original from there.
    const slot = engine.address('zend_error_cb');
    const original = engine.table.get(engine.memory.word(slot)) as (...args: number[]) => void;
    const forward = (...args: number[]): void => {
      observe(args[0]);
      original(...args);
    };
    engine.memory.setWord(slot, engine.pointer('viiiii', forward));
  }

  begin(): void {
    this.fatal = false;
  }
}
