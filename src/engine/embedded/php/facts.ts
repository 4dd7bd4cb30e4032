/** Facts about this PHP, read from its own registries, because scripts may be forbidden to ask. */

import type { Engine } from './engine.ts';
import { hashBucket, hashTable } from './layout.ts';

export interface EngineFacts {
  /** `8.4.25` */
  readonly phpVersion: string;
  readonly extensions: readonly string[];
  readonly zendExtensions: readonly string[];
}

/** `zend_module_entry.name` */
const moduleName = 20;
/** `zend_llist_element`: next element, then data, which for a `zend_extension` starts with the name. */
const elementData = 8;

export function readFacts(engine: Engine): EngineFacts {
  const { memory } = engine;
  const standard = memory.allocateString('standard');
  const phpVersion = memory.string(engine.function('zend_get_module_version')(standard));
  engine.function('free')(standard);
  const registry = engine.address('module_registry');
  const data = memory.word(registry + hashTable.data);
  const used = memory.word(registry + hashTable.used);
  const extensions = Array.from({ length: used }, (_bucket, index) =>
    memory.string(memory.word(memory.word(data + index * hashBucket.bytes) + moduleName)),
  );
  const zendExtensions: string[] = [];
  let element = memory.word(engine.address('zend_extensions'));
  while (element !== 0) {
    zendExtensions.push(memory.string(memory.word(element + elementData)));
    element = memory.word(element);
  }
  return { phpVersion, extensions, zendExtensions };
}
