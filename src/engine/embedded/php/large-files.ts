/**
 * Files over 2 GB, whose sizes are partly 32-bit in this PHP.
 *
 * ftruncate() would truncate to a wrong size, so the whole number is kept until PHP calls the C library. copy() and
 * related functions would map a wrong part of the file, so mapping fails: PHP then reads. That also saves memory, since
 * mapping a file means reading it into the engine's memory, which never shrinks.
 */

import type { CFunction, Engine, EngineImports } from './engine.ts';
import { InternalClass } from './internal-class.ts';
import { argument, argumentCount, type ModuleFunctions, type PhpFunction } from './module-functions.ts';
import { readLong, replaceValue } from './values.ts';

/** The largest size in PHP's 32-bit number. */
const largest = 2 ** 31 - 1;

/** ENODEV of the engine's C library (WASI). */
const noDevice = 43;

const methods = ['zim_SplFileObject_ftruncate', 'zim_spl_SplFileObject_ftruncate'] as const;
const classes = ['SplFileObject', 'SplTempFileObject'];

export class LargeFiles {
  #size: number | undefined;

  repair(imports: EngineImports): void {
    type Truncate = (fd: number, size: bigint) => number;
    const truncate = imports['__syscall_ftruncate64'] as Truncate;
    imports['__syscall_ftruncate64'] = (fd: number, size: bigint): number =>
      truncate(fd, this.#size === undefined ? size : BigInt(this.#size));
    imports['_mmap_js'] = (): number => -noDevice;
  }

  installFunction(engine: Engine, functions: ModuleFunctions): void {
    functions.replace('ftruncate', (own) => this.#withWholeSize(engine, own, 1));
  }

  installMethods(engine: Engine): void {
    // PHP 7.4 has another name for it.
    const method = engine.has(methods[0]) ? methods[0] : methods[1];
    for (const name of classes) {
      InternalClass.find(engine, name)?.replaceMethod('ftruncate', method, (own) =>
        this.#withWholeSize(engine, own, 0),
      );
    }
  }

  #withWholeSize(engine: Engine, own: CFunction, index: number): PhpFunction {
    return (frame, result) => {
      const place = argument(frame, index);
      const size = argumentCount(engine, frame) > index ? (readLong(engine, place) ?? 0) : 0;
      if (size > largest) {
        this.#size = size;
        replaceValue(engine, place, largest);
      }
      try {
        own(frame, result);
      } finally {
        this.#size = undefined;
      }
    };
  }
}
