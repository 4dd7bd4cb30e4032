/** PHP's last error, as error_get_last() tells it. */

import type { Engine } from './engine.ts';
import { findElement } from './hash-tables.ts';
import { callFrame, zval, zvalType } from './layout.ts';
import { kindOf, readLong, readString } from './values.ts';

export interface LastError {
  readonly type: number;
  readonly message: string;
  readonly file: string;
  readonly line: number;
}

/** @returns undefined without an error */
export function lastError(engine: Engine): LastError | undefined {
  const { memory } = engine;
  const frame = memory.allocate(callFrame.bytes + zval.size);
  memory.bytes.fill(0, frame, frame + callFrame.bytes + zval.size);
  const result = frame + callFrame.bytes;
  engine.function('zif_error_get_last')(frame, result);
  const table = memory.word(result + zval.value);
  const isArray = kindOf(engine, result) === (zvalType.array & 0xff);
  const field = (key: string): number => findElement(engine, table, key);
  const found = isArray && {
    type: readLong(engine, field('type')) ?? 0,
    message: readString(engine, field('message')) ?? '',
    file: readString(engine, field('file')) ?? '',
    line: readLong(engine, field('line')) ?? 0,
  };
  engine.function('zval_ptr_dtor')(result);
  engine.function('free')(frame);
  return found || undefined;
}
