/** An exception that has left a handler of a booted application. The native engine: native/php/exception.c. */

import type { Engine } from './engine.ts';
import type { GlobalFields } from './global-fields.ts';
import { sapiGlobals, sapiHeaders } from './layout.ts';
import type { MainStack } from './main-stack.ts';
import type { Sapi } from './sapi.ts';
import { kindOf } from './values.ts';

/** `E_ERROR` */
const errorLevel = 1;
const okStatus = 200;
const failedStatus = 500;

/**
 * Handles it: the application's own exception handler gets it, else it is reported with status 500 as at the end of a
 * script.
 *
 * @returns whether it was exit
 */
export async function settleException(
  engine: Engine,
  fields: GlobalFields,
  stack: MainStack,
  sapi: Pick<Sapi, 'isHeadSent'>,
): Promise<boolean> {
  const { memory } = engine;
  const exception = (): number => memory.word(fields.exception);
  if (exception() === 0) return false;
  if (engine.function('zend_is_unwind_exit')(exception()) !== 0) {
    await stack.call('zend_clear_exception');
    return true;
  }
  if (kindOf(engine, fields.exceptionHandler) !== 0) await stack.call('zend_user_exception_handler');
  if (exception() === 0) return false;
  await stack.call('zend_exception_error', exception(), errorLevel);
  if (exception() !== 0) await stack.call('zend_clear_exception');
  const status = engine.address('sapi_globals') + sapiGlobals.headers + sapiHeaders.responseCode;
  if (memory.word(status) === okStatus && !sapi.isHeadSent) memory.setWord(status, failedStatus);
  return false;
}
