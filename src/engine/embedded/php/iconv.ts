/** PHP's iconv() and related functions, with glibc's character sets (iconv-names.ts). */

import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import { sourceCharset, targetCharset, withoutAccents } from './iconv-names.ts';
import { argument, argumentCount, ModuleFunctions, setArguments } from './module-functions.ts';
import { readString, replaceValue } from './values.ts';

type Call = (frame: number, result: number) => Promise<void>;

/** Functions on text in a set: the position of the set's name among the arguments; the text is the first. */
const measures = { iconv_strlen: 1, iconv_strrpos: 2, iconv_strpos: 3, iconv_substr: 3 } as const;

export function installIconv(engine: Engine, version: string, calls: PhpCalls): void {
  const functions = new ModuleFunctions(engine, version, 'iconv_module_entry');
  functions.replaceAsync('iconv', (own) => {
    const call = WebAssembly.promising(own) as Call;
    return async (frame, result) => {
      // PHP's own function reports a wrong number of arguments.
      if (argumentCount(engine, frame) !== 3) return await call(frame, result);
      const [from, to, bytes] = ((await calls.arguments(frame, 'sss')) ?? []) as (string | undefined)[];
      if (from === undefined || to === undefined || bytes === undefined) return;
      const target = targetCharset(to);
      setArguments(engine, frame, [sourceCharset(from, bytes), target.name, withoutAccents(from, to, bytes)]);
      await call(frame, result);
      prefix(engine, result, target.mark);
    };
  });
  for (const [name, place] of Object.entries(measures)) {
    functions.replaceAsync(name, (own) => {
      const call = WebAssembly.promising(own) as Call;
      return (frame, result) => callWithCharset(engine, call, frame, place, result);
    });
  }
}

/** Replaces the set's name in place; only for names with another meaning in glibc. */
async function callWithCharset(
  engine: Engine,
  call: Call,
  frame: number,
  place: number,
  result: number,
): Promise<void> {
  const charset =
    argumentCount(engine, frame) > place ? readString(engine, argument(frame, place)) : undefined;
  if (charset === undefined) return await call(frame, result);
  const text = readString(engine, argument(frame, 0)) ?? '';
  const name = sourceCharset(charset, text);
  if (name !== charset) replaceValue(engine, argument(frame, place), name);
  await call(frame, result);
  if (name !== charset) prefix(engine, result, targetCharset(charset).mark);
}

/** An empty result, or one that is not a string, stays unchanged. */
function prefix(engine: Engine, result: number, mark: string): void {
  if (mark === '') return;
  const text = readString(engine, result);
  if (text !== undefined && text !== '' && !text.startsWith(mark)) {
    replaceValue(engine, result, `${mark}${text}`);
  }
}
