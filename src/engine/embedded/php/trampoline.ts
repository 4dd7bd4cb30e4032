/**
 * C function pointers to JavaScript. A function table only accepts WebAssembly functions, so a module of a few bytes
 * imports the JavaScript function and exports it with a C signature.
 */

/** WebAssembly types of C values: `i` 32-bit integer or pointer, `j` 64-bit integer, `d` double. */
const typeCodes: Readonly<Record<string, number>> = { i: 0x7f, j: 0x7e, d: 0x7c };

function moduleBytes(signature: string): Uint8Array<ArrayBuffer> {
  const code = (letter: string): number => {
    const found = typeCodes[letter];
    if (found === undefined) throw new TypeError(`cannot translate the signature "${signature}"`);
    return found;
  };
  const parameters = [...signature.slice(1)].map(code);
  const results = signature.startsWith('v') ? [] : [code(signature.charAt(0))];
  const type = [0x60, parameters.length, ...parameters, results.length, ...results];
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...[0x01, type.length + 1, 0x01, ...type],
    ...[0x02, 0x07, 0x01, 0x01, 0x65, 0x01, 0x66, 0x00, 0x00],
    ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
  );
}

const modules = new Map<string, WebAssembly.Module>();

/** A function table of the engine. */
export interface FunctionTable {
  readonly length: number;
  grow(count: number): number;
  get(index: number): unknown;
  set(index: number, value: unknown): void;
}

/**
 * Makes a C function pointer for a JavaScript function.
 *
 * @param signature result and parameters, one letter each: `v` void, `i` 32-bit, `j` 64-bit, `d` double
 * @param call the function, or a `WebAssembly.Suspending` around one that returns a promise
 */
export function addFunction(
  table: FunctionTable,
  signature: string,
  call: ((...args: number[]) => unknown) | WebAssembly.Suspending,
): number {
  let module = modules.get(signature);
  if (module === undefined) {
    module = new WebAssembly.Module(moduleBytes(signature));
    modules.set(signature, module);
  }
  const index = table.grow(1);
  table.set(index, new WebAssembly.Instance(module, { e: { f: call } }).exports['f']);
  return index;
}
