/** The environment of C: what PHP starts with, and what it is now that scripts have changed it. */

import type { EngineImports } from './engine.ts';

type Entries = readonly (readonly [string, string])[];

/**
 * Gives C the environment as it is: bytes in their order, the first of a duplicate name, and nothing invented. The
 * loader would add entries, put its own names first and take bytes for UTF-16.
 *
 * @param memory the binary's memory; asked for when C reads its environment
 */
export function repairEnvironment(imports: EngineImports, env: Entries, memory: () => ArrayBuffer): void {
  const names = new Set<string>();
  const isFirst = ([name]: readonly [string, string]): boolean => names.size !== names.add(name).size;
  const strings = env.filter(isFirst).map(([name, value]) => Buffer.from(`${name}=${value}\0`, 'latin1'));
  imports['environ_sizes_get'] = (count: number, size: number): number => {
    const words = new Uint32Array(memory());
    words[count >>> 2] = strings.length;
    words[size >>> 2] = Buffer.concat(strings).length;
    return 0;
  };
  imports['environ_get'] = (pointers: number, buffer: number): number => {
    const words = new Uint32Array(memory());
    let at = buffer;
    for (const [index, string] of strings.entries()) {
      words[(pointers >>> 2) + index] = at;
      at += string.copy(Buffer.from(memory()), at);
    }
    return 0;
  };
}
