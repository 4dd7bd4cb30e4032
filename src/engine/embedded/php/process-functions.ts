/** PHP functions of this build that do nothing or block everything else. */

import type { Ending } from './children.ts';
import type { Engine } from './engine.ts';
import { zval, zvalType } from './layout.ts';
import { argument, argumentCount, type ModuleFunctions } from './module-functions.ts';
import type { Spawner } from './spawn.ts';
import { readLong, writeValue } from './values.ts';
import type { Waiting } from './waiting.ts';

/** The lowest byte of a zval's type word. */
const kindMask = 0xff;
/** `IS_RESOURCE` */
const resourceType = 9;
/** `zend_resource`: a number of 32 or 64 bits, depending on the version, then type and pointer. */
const resource = { number: 8, pointerBehind32: 16, pointerBehind64: 20 } as const;
/** `SIGTERM` */
const terminate = 15;
const nanosPerMilli = 1e6;
const nanosPerSecond = 1e9;

/** proc_terminate() and proc_get_status(): this build's C library only knows its own process. */
export function installProcessFunctions(engine: Engine, functions: ModuleFunctions, spawner: Spawner): void {
  functions.replace('proc_terminate', (own) => (frame, result) => {
    // PHP's own function checks the arguments, then fails.
    own(frame, result);
    if (engine.memory.word(result + zval.type) !== zvalType.false) return;
    const pid = processId(engine, argument(frame, 0));
    if (pid === undefined) return;
    const signal = argumentCount(engine, frame) > 1 ? readLong(engine, argument(frame, 1)) : terminate;
    if (signal !== undefined) writeValue(engine, result, spawner.kill(pid, signal));
  });
  functions.replaceAsync('proc_get_status', (own) => {
    const look = WebAssembly.promising(own);
    return async (frame, result) => {
      await look(frame, result);
      if ((engine.memory.word(result + zval.type) & kindMask) !== (zvalType.array & kindMask)) return;
      const pid = processId(engine, argument(frame, 0));
      const ending = pid === undefined ? undefined : spawner.endingOf(pid);
      if (ending !== undefined) correctStatus(engine, result, ending);
    };
  });
}

/** Corrects the array of proc_get_status(), because the build only knows exit codes. */
function correctStatus(engine: Engine, result: number, { signal }: Ending): void {
  const { memory } = engine;
  const values = {
    stopped: false,
    ...(signal === 0 ? {} : { signaled: true, termsig: signal, exitcode: -1 }),
  };
  const value = memory.allocate(zval.size);
  for (const [key, correct] of Object.entries(values)) {
    const name = memory.allocateString(key);
    writeValue(engine, value, correct);
    engine.function('zend_hash_str_update')(memory.word(result + zval.value), name, key.length, value);
    engine.function('free')(name);
  }
  engine.function('free')(value);
}

/** Process id of the process in a zval: the first word of the resource's data. */
function processId({ memory }: Engine, at: number): number | undefined {
  if ((memory.word(at + zval.type) & kindMask) !== resourceType) return undefined;
  const found = memory.word(at + zval.value);
  // The upper half of a small number; a type is never 0.
  const isLong = memory.word(found + resource.number + 4) === 0;
  const pointer = memory.word(found + (isLong ? resource.pointerBehind64 : resource.pointerBehind32));
  return pointer === 0 ? undefined : memory.word(pointer);
}

/**
 * time_nanosleep(): this build polls the clock, which costs a second of CPU for each second. Only for two proper
 * integers; PHP's own function handles everything else.
 */
export function installSleepFunctions(engine: Engine, functions: ModuleFunctions, waiting: Waiting): void {
  functions.replaceAsync('time_nanosleep', (own) => async (frame, result) => {
    const isCall = argumentCount(engine, frame) === 2;
    const seconds = isCall ? readLong(engine, argument(frame, 0)) : undefined;
    const nanos = isCall ? readLong(engine, argument(frame, 1)) : undefined;
    if (seconds === undefined || nanos === undefined || seconds < 0 || nanos < 0 || nanos >= nanosPerSecond) {
      own(frame, result);
      return;
    }
    await waiting.pause(seconds * 1000 + nanos / nanosPerMilli);
    writeValue(engine, result, true);
  });
}
