/** Streams on the body of a request (`php://input`). */

import type { Engine } from './engine.ts';
import type { GlobalFields } from './global-fields.ts';
import { elementsOf } from './hash-tables.ts';
import { zval } from './layout.ts';

/** `PHP_STREAM_FREE_CLOSE` */
const closeStream = 3;
/** `php_stream.ops` and `php_stream_ops.label`. */
const streamOps = 0;
const opsLabel = 16;

/**
 * Frees the body of a request. The application may have kept a stream on it, which would read freed memory: that one is
 * closed.
 *
 * @param body address of the body's stream
 */
export function closeBody(engine: Engine, { resources, resourceType }: GlobalFields, body: number): void {
  const { memory } = engine;
  const streamType = engine.function('php_file_le_stream')();
  for (const element of elementsOf(engine, resources)) {
    const resource = memory.word(element + zval.value);
    const stream = memory.word(resource + resourceType + 4);
    if (memory.word(resource + resourceType) !== streamType || stream === 0) continue;
    const label = memory.word(memory.word(stream + streamOps) + opsLabel);
    if (memory.string(label) === 'Input') engine.function('zend_list_close')(resource);
  }
  engine.function('_php_stream_free')(body, closeStream);
}
