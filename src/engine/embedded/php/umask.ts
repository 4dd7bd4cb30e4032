/**
 * umask() of scripts. The engine's C library keeps a mask, but its files are made by JavaScript, which never sees
 * it; and the mask of the host process is one for all threads. So the mask of the running request is kept here.
 */

import type { Engine } from './engine.ts';
import { callFrame, functionEntryBytes, moduleEntry, zval, zvalType } from './layout.ts';

export class ScriptMask {
  /** The mask of the host process, which the kernel applies in any case. */
  readonly process = process.umask();
  /** The mask of the running script. */
  current = this.process;

  /** The next request starts with the mask of the process. */
  reset(): void {
    this.current = this.process;
  }

  /**
   * Takes the place of PHP's own umask(). To be called before PHP starts, when functions are only a table.
   *
   * @throws Error when this build has no such function
   */
  install(engine: Engine, version: string): void {
    const { memory } = engine;
    const own = engine.function('zif_umask');
    const bytes = functionEntryBytes(version);
    let entry = memory.word(engine.address('basic_functions_module') + moduleEntry.functions);
    while (memory.word(entry) !== 0 && memory.string(memory.word(entry)) !== 'umask') entry += bytes;
    if (memory.word(entry) === 0) throw new Error('cannot find umask() in this PHP build');
    const noArguments = memory.allocate(callFrame.bytes + zval.size);
    memory.bytes.fill(0, noArguments, noArguments + callFrame.bytes + zval.size);
    const answer = noArguments + callFrame.bytes;
    const call = (frame = 0, result = 0): void => {
      // PHP's own function checks the argument, and throws for a bad one.
      own(frame, result);
      if (memory.bytes[result + zval.type] !== zvalType.long) return;
      memory.setWord(result + zval.value, this.current);
      if (memory.word(frame + callFrame.argumentCount) === 0) return;
      own(noArguments, answer);
      this.current = memory.word(answer + zval.value) & 0o777;
    };
    memory.setWord(entry + 4, engine.pointer('vii', call));
  }
}
