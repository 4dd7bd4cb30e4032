/** The parts of the WebAssembly JavaScript API that the embedded engine uses; the Node types lack them. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  class Memory {
    constructor(descriptor: { readonly initial: number });
    readonly buffer: ArrayBuffer;
  }
  type Imports = Record<string, Record<string, unknown>>;
  type Exports = Record<string, unknown>;
  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
  class Suspending {
    constructor(fn: (...args: never[]) => unknown);
  }
  function promising(fn: (...args: never[]) => unknown): (...args: unknown[]) => Promise<unknown>;
  class RuntimeError extends Error {}
  class Exception {}
}
