/**
 * Fibers need several C stacks, and this build cannot switch stacks: `new Fiber` throws an Error instead of trapping.
 */

import type { Engine } from './engine.ts';
import { zval } from './layout.ts';

const message = 'Fibers are not available in the embedded PHP engine; use the native engine for this pool';
/** Words of an object and of its handler table that are searched for a known pointer. */
const objectWords = 8;
const handlerWords = 40;
const wordBytes = 4;

/**
 * Replaces the function by which PHP gets the constructor: PHP allows it to throw. Call it during a request, because
 * the class's handlers are found through a new object.
 */
export function refuseFibers(engine: Engine): void {
  if (!engine.has('zend_ce_fiber')) return;
  const { memory } = engine;
  const classEntry = memory.word(engine.address('zend_ce_fiber'));
  const value = memory.allocate(zval.size);
  engine.function('object_init_ex')(value, classEntry);
  const object = memory.word(value + zval.value);
  const slot = constructorSlot(engine, handlersOf(engine, object, classEntry));
  engine.function('zval_ptr_dtor')(value);
  engine.function('free')(value);
  const text = memory.allocateString(message);
  const refuse = (): number => {
    engine.function('zend_throw_error')(0, text, 0);
    return 0;
  };
  memory.setWord(slot, engine.pointer('ii', refuse));
}

/** The pointer to the handlers follows the class pointer. */
function handlersOf(engine: Engine, object: number, classEntry: number): number {
  for (let at = object; at < object + objectWords * wordBytes; at += wordBytes) {
    if (engine.memory.word(at) === classEntry) return engine.memory.word(at + wordBytes);
  }
  throw new Error('cannot find the handlers of the Fiber class in this PHP build');
}

function constructorSlot(engine: Engine, handlers: number): number {
  const standard = engine.function('zend_std_get_constructor');
  for (let at = handlers; at < handlers + handlerWords * wordBytes; at += wordBytes) {
    const index = engine.memory.word(at);
    if (index > 0 && index < engine.table.length && engine.table.get(index) === standard) return at;
  }
  throw new Error('cannot find the constructor handler of the Fiber class in this PHP build');
}
