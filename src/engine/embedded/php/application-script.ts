/** The script of a booted application (`worker.script`), as PHP sees it beside requests; as in the native engine. */

import type { PhpRequest } from '../shared/protocol.ts';
import { Variables } from '../shared/variables.ts';
import type { Engine } from './engine.ts';

/** The request in which it runs. */
export function bootRequest(script: string): PhpRequest {
  const slash = script.lastIndexOf('/');
  return {
    params: Variables.of([
      ['MAX_REQUESTS', '2147483647'],
      ['FRANKENPHP_LOOP_MAX', '-1'],
      ['FRANKENPHP_WORKER', '1'],
      ['SCRIPT_NAME', script.slice(slash)],
      ['SCRIPT_FILENAME', script],
      ['DOCUMENT_ROOT', script.slice(0, slash)],
    ]),
    script,
    contentLength: 0,
  };
}

const streamsCode =
  "if (function_exists('fopen')) { define('STDOUT', fopen('php://stdout', 'wb')); define('STDERR', fopen('php://stderr', 'wb')); }";

/** Worker scripts of frameworks report on STDERR, as programs of the command line do. */
export async function defineStreams(engine: Engine): Promise<void> {
  const code = engine.memory.allocateString(streamsCode);
  const name = engine.memory.allocateString('streams');
  await engine.suspendable('zend_eval_stringl')(code, streamsCode.length, 0, name);
  for (const text of [code, name]) engine.function('free')(text);
}
