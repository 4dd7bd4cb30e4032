/**
 * umask() of scripts. The engine's C library keeps a mask, but its files are made by JavaScript, which never sees
 * it; and the mask of the host process is one for all threads. So the mask of the running request is kept here.
 */

import type { Engine } from './engine.ts';
import { callFrame, zval, zvalType } from './layout.ts';
import { argumentCount, type ModuleFunctions } from './module-functions.ts';

export class ScriptMask {
  /** The mask of the host process, which the kernel applies in any case. */
  readonly process = process.umask();
  /** The mask of the running script. */
  current = this.process;

  /** The next request starts with the mask of the process. */
  reset(): void {
    this.current = this.process;
  }

  /** Takes the place of PHP's own umask(). */
  install(engine: Engine, functions: ModuleFunctions): void {
    const { memory } = engine;
    const noArguments = memory.allocate(callFrame.bytes + zval.size);
    memory.bytes.fill(0, noArguments, noArguments + callFrame.bytes + zval.size);
    const answer = noArguments + callFrame.bytes;
    functions.replace('umask', (own) => (frame, result) => {
      // PHP's own function checks the argument, and throws for a bad one.
      own(frame, result);
      if (memory.bytes[result + zval.type] !== zvalType.long) return;
      memory.setWord(result + zval.value, this.current);
      if (argumentCount(engine, frame) === 0) return;
      own(noArguments, answer);
      this.current = memory.word(answer + zval.value) & 0o777;
    });
  }
}
