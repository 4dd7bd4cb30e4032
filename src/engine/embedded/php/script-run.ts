/** The C calls of a request: its start, the script, its shutdown, each with the end of its stack known to PHP. */

import { StackOverflow } from './c-stack.ts';
import type { Engine } from './engine.ts';
import { fileHandleBytes, fileHandlePrimaryScript, sapiGlobals, sapiHeaders } from './layout.ts';
import { type LoopFunction, MainStack } from './main-stack.ts';
import type { RequestInfo } from './request-info.ts';

const calls: readonly LoopFunction[] = [
  ['php_request_startup', 'i'],
  ['php_execute_script', 'ii'],
  ['php_request_shutdown', 'vi'],
];

export class ScriptRun {
  readonly #engine: Engine;
  readonly #info: RequestInfo;
  readonly #callerOwnsFile: boolean;
  readonly #log: (message: string) => void;
  readonly #stack: MainStack;
  readonly #overflow: StackOverflow;

  /** Create it while nothing runs. */
  constructor(engine: Engine, info: RequestInfo, phpVersion: string, log: (message: string) => void) {
    this.#engine = engine;
    this.#info = info;
    this.#callerOwnsFile = Number(phpVersion) >= 8.1;
    this.#log = log;
    this.#stack = new MainStack(engine, calls);
    this.#overflow = new StackOverflow(engine);
  }

  /** A request of a booted application begins: the guard of the C stack ends a script only once. */
  arm(): void {
    this.#overflow.arm();
  }

  /** @returns whether PHP has started the request */
  async start(): Promise<boolean> {
    this.arm();
    return (await this.#stack.call('php_request_startup')) === 0;
  }

  async execute(path: string): Promise<void> {
    const engine = this.#engine;
    if (!this.#isOpen(path)) return;
    const handle = engine.memory.allocate(fileHandleBytes);
    engine.memory.bytes.fill(0, handle, handle + fileHandleBytes);
    engine.function('zend_stream_init_filename')(handle, this.#info.string(path));
    // PHP 8.1 and later: the caller owns the handle and requests skipping of a "#!" line.
    if (this.#callerOwnsFile) engine.memory.bytes[handle + fileHandlePrimaryScript] = 1;
    try {
      await this.#stack.call('php_execute_script', handle);
    } catch (error) {
      await this.#overflow.raise(error);
      return;
    }
    if (this.#callerOwnsFile) engine.function('zend_destroy_file_handle')(handle);
    engine.function('free')(handle);
  }

  async shutdown(): Promise<void> {
    this.#overflow.arm();
    try {
      await this.#stack.call('php_request_shutdown');
    } catch (error) {
      // After the error PHP skips destructors, so it needs less stack.
      await this.#overflow.raise(error);
      await this.#stack.call('php_request_shutdown');
    }
  }

  /** Abandons the current call. */
  abandon(): void {
    this.#stack.end();
  }

  /** The host has checked that the script is readable; only PHP knows open_basedir. */
  #isOpen(path: string): boolean {
    const engine = this.#engine;
    if (engine.function('php_check_open_basedir_ex')(this.#info.string(path), 0) === 0) return true;
    this.#log(`Unable to open primary script: ${path} (Operation not permitted)`);
    const answer = 'No input file specified.\n';
    engine.memory.setWord(
      engine.address('sapi_globals') + sapiGlobals.headers + sapiHeaders.responseCode,
      404,
    );
    engine.function('php_output_write')(this.#info.string(answer), answer.length);
    return false;
  }
}
