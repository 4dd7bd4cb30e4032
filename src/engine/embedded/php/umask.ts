/**
 * umask() of scripts. The engine's C library keeps a mask, but JavaScript creates its files and never sees that mask;
 * and the mask of the host process applies to all threads. So the mask of the running request is kept here.
 */

import type { Engine } from './engine.ts';
import { callFrame, zval, zvalType } from './layout.ts';
import { argumentCount, type ModuleFunctions } from './module-functions.ts';

export class ScriptMask {
  /** The mask of the host process, which the kernel always applies. */
  readonly process = process.umask();
  /** The mask of the running script. */
  current = this.process;

  /** Resets the mask to that of the process, for the next request. */
  reset(): void {
    this.current = this.process;
  }

  /** Replaces PHP's own umask(). */
  install(engine: Engine, functions: ModuleFunctions): void {
    const { memory } = engine;
    const noArguments = memory.allocate(callFrame.bytes + zval.size);
    memory.bytes.fill(0, noArguments, noArguments + callFrame.bytes + zval.size);
    const answer = noArguments + callFrame.bytes;
    functions.replace('umask', (own) => (frame, result) => {
      // PHP's own function checks the argument and throws for a bad one.
      own(frame, result);
      if (memory.bytes[result + zval.type] !== zvalType.long) return;
      memory.setWord(result + zval.value, this.current);
      if (argumentCount(engine, frame) === 0) return;
      own(noArguments, answer);
      this.current = memory.word(answer + zval.value) & 0o777;
    });
  }
}
