/**
 * A request of a booted application needs a fresh state, and must leave none behind. PHP has the start and end of a
 * request only for a whole script. Here the script goes on, so the parts of both that belong to a request run by
 * themselves: output, head, body, superglobals, limits, a few extensions. Changes of the boot stay, changes of a
 * request are undone. The native engine does the same (native/php/reset.c).
 */

import { closeBody } from './body-streams.ts';
import type { Engine } from './engine.ts';
import { ExtensionStages } from './extension-stages.ts';
import { FatalGuard } from './fatal-guard.ts';
import { type GlobalFields, setUndefined } from './global-fields.ts';
import { settleException } from './handler-exception.ts';
import { elementsOf } from './hash-tables.ts';
import type { IniEntries } from './ini-entries.ts';
import { KeptIni } from './kept-ini.ts';
import { KeptState } from './kept-state.ts';
import { callFrame, sapiGlobals, sapiHeaders, zval } from './layout.ts';
import { type LoopFunction, MainStack } from './main-stack.ts';
import type { RequestInfo } from './request-info.ts';
import { RequestInput } from './request-input.ts';
import type { Sapi } from './sapi.ts';
import { Superglobals } from './superglobals.ts';
import type { ScriptMask } from './umask.ts';

const calls: readonly LoopFunction[] = [
  ['sapi_activate', 'v'],
  ['sapi_deactivate', 'v'],
  ['php_output_end_all', 'v'],
  ['php_output_deactivate', 'v'],
  ['php_call_shutdown_functions', 'v'],
  ['php_free_shutdown_functions', 'v'],
  ['zend_user_exception_handler', 'v'],
  ['zend_exception_error', 'iii'],
  ['_call_user_function_impl', 'iiiiiii'],
  // Each may free the last reference to an object, whose destructor may wait.
  ['zend_clear_exception', 'v'],
  ['zend_hash_str_del', 'iiii'],
  ['zval_ptr_dtor', 'vi'],
];

/** `PHP_CONNECTION_ABORTED`, `PHP_OUTPUT_DISABLED` */
const connectionAborted = 1;
const outputDisabled = 2;
const okStatus = 200;

/** Parts of the instance. */
export interface ResetParts {
  readonly engine: Engine;
  readonly entries: IniEntries;
  readonly info: RequestInfo;
  readonly mask: ScriptMask;
  readonly sapi: Pick<Sapi, 'serverArray' | 'isHeadSent'>;
  /** `8.4.25` */
  readonly phpVersion: string;
}

export class RequestReset {
  readonly #parts: ResetParts;
  readonly #engine: Engine;
  readonly #fields: GlobalFields;
  readonly #extensions: ExtensionStages;
  readonly #guard: FatalGuard;
  readonly #input: RequestInput;
  readonly #stack: MainStack;
  readonly #ini: KeptIni;
  /** A call frame without arguments. */
  readonly #noArguments: number;
  readonly #kept: KeptState;
  #folder = '/';
  #mask = 0;

  /**
   * @param extensions of `worker.reset`
   * @param warn is told about one that this PHP does not have
   */
  constructor(
    parts: ResetParts,
    fields: GlobalFields,
    extensions: readonly string[],
    warn: (text: string) => void,
  ) {
    const { engine, entries } = parts;
    this.#parts = parts;
    this.#engine = engine;
    this.#fields = fields;
    this.#guard = new FatalGuard(engine);
    this.#ini = new KeptIni(engine, entries, (call) => this.#guard.attempt(call));
    this.#kept = new KeptState(engine, fields);
    this.#extensions = new ExtensionStages(engine, extensions, warn);
    const stack = new MainStack(engine, [...calls, ...this.#extensions.functions]);
    this.#stack = stack;
    const superglobals = new Superglobals(
      engine,
      fields,
      () => parts.sapi.serverArray,
      (value) => stack.call('zval_ptr_dtor', value),
    );
    this.#input = new RequestInput({ ...parts, fields, stack, extensions: this.#extensions, superglobals });
    const bytes = callFrame.bytes + zval.size;
    this.#noArguments = engine.memory.allocate(bytes);
    engine.memory.bytes.fill(0, this.#noArguments, this.#noArguments + bytes);
  }

  /** The application waits for its first request: ends the boot's output and session. */
  async endBoot(): Promise<void> {
    const { engine } = this.#parts;
    engine.function('zend_unset_timeout')();
    this.#mask = this.#parts.mask.current;
    this.#folder = engine.fs.cwd();
    this.#kept.keepSessionHandlers();
    await this.#stack.call('php_output_end_all');
    await this.#stopExtensions();
    this.#kept.restoreSessionHandlers();
    await this.#stack.call('php_output_deactivate');
    await this.#stack.call('sapi_deactivate');
    await this.#pause();
  }

  /** The script has ended: ends its output buffers. */
  flush(): Promise<void> {
    return this.#guard.attempt(() => this.#stack.call('php_output_end_all'));
  }

  /** Output since the last request leaves, and so does its head. PHP is told about the request next. */
  async prepare(): Promise<void> {
    await this.#stack.call('php_output_end_all');
    await this.#stack.call('php_output_deactivate');
    await this.#stack.call('sapi_deactivate');
    this.#parts.info.clear();
  }

  /** The request begins. PHP already knows it. */
  async begin(): Promise<void> {
    const { memory } = this.#engine;
    this.#guard.begin();
    this.#kept.keep();
    this.#ini.keep();
    this.#parts.mask.current = this.#mask;
    this.#direct('zend_memory_reset_peak_usage');
    this.#direct('zif_error_clear_last', this.#noArguments, this.#noArguments + callFrame.bytes);
    this.#direct('php_clear_stat_cache', 0, 0, 0);
    memory.bytes[this.#fields.connectionStatus] = 0;
    this.#direct('php_output_activate');
    await this.#input.read();
    this.#input.limitTime('max_execution_time');
  }

  /** Calls the handler. Its exception is left to {@link settle}; a fatal error rejects. */
  async callHandler(handler: number): Promise<void> {
    const { memory } = this.#engine;
    const result = memory.allocate(zval.size);
    setUndefined(this.#engine, result);
    try {
      await this.#stack.call('_call_user_function_impl', 0, handler, result, 0, 0, 0);
    } catch (error) {
      this.#guard.note(error);
      throw error;
    }
    await this.#stack.call('zval_ptr_dtor', result);
    this.#direct('free', result);
  }

  /**
   * Handles an exception that left a handler: the application's own exception handler gets it, else it is reported
   * with status 500 as at the end of a script.
   *
   * @returns whether it was exit
   */
  async settle(): Promise<boolean> {
    return await settleException(this.#engine, this.#fields, this.#stack, this.#parts.sapi);
  }

  /**
   * Runs the functions that the request registered for its end, then ends its output. Each part runs whatever happens
   * to the others.
   *
   * @param settle handles an exception that one of them leaves, and returns whether it was exit
   * @returns whether one of them ended by exit
   * @throws what a fatal error in one of them throws
   */
  async finish(settle: () => Promise<boolean>): Promise<boolean> {
    await this.#guard.attempt(() => this.#stack.call('php_call_shutdown_functions'));
    const ends = [await settle()];
    await this.#guard.attempt(() => this.#stack.call('php_output_end_all'));
    this.#direct('zend_unset_timeout');
    await this.#stopExtensions();
    this.#kept.restoreSessionHandlers();
    ends.push(await settle());
    await this.#guard.attempt(() => this.#stack.call('php_output_deactivate'));
    this.#guard.rethrow();
    return ends.includes(true);
  }

  /** Ends everything of the request but its output. @param ended is called when PHP has let go of the response */
  async end(ended: () => void): Promise<void> {
    const { memory } = this.#engine;
    const body = memory.word(this.#engine.address('sapi_globals') + sapiGlobals.requestBody);
    await this.#stack.call('php_free_shutdown_functions');
    this.#kept.restoreShutdownFunctions();
    await this.#deleteGlobal('_SESSION');
    await this.#stack.call('sapi_deactivate');
    if (body !== 0) closeBody(this.#engine, this.#fields, body);
    ended();
    await this.#ini.restore();
    this.#kept.restoreTimezone();
    this.#parts.mask.current = this.#mask;
    await this.#pause();
    this.#engine.fs.chdir(this.#folder);
  }

  /**
   * A fatal error has ended the script in a request; PHP's own end comes next. The application's shutdown functions
   * run then as well, in the order in which they were registered, the request's last. All memory is restored afterwards.
   */
  abandon(): void {
    const { memory } = this.#engine;
    const own = this.#kept.shutdownFunctions;
    if (own === 0) return;
    const ofRequest = memory.word(this.#fields.shutdownFunctions);
    const functions = ofRequest === 0 ? [] : elementsOf(this.#engine, ofRequest);
    for (const one of functions) this.#direct('zend_hash_next_index_insert', own, one);
    this.#kept.restoreShutdownFunctions();
  }

  /** The client has left: the application goes on, without output. */
  abort(): void {
    this.#engine.memory.bytes[this.#fields.connectionStatus] = connectionAborted;
    this.#direct('php_output_set_status', outputDisabled);
  }

  /** The stack is not used again: memory and C's stack are restored. */
  leaveStack(): void {
    this.#stack.end();
  }

  #stopExtensions(): Promise<void> {
    return this.#extensions.stop(
      (name, ...args) => this.#stack.call(name, ...args),
      (call) => this.#guard.attempt(call),
    );
  }

  /** Until the next request: PHP is as in a request, but without a client. */
  async #pause(): Promise<void> {
    this.#parts.info.clear();
    this.#direct('php_output_activate');
    await this.#stack.call('sapi_activate');
    const status = this.#engine.address('sapi_globals') + sapiGlobals.headers + sapiHeaders.responseCode;
    this.#engine.memory.setWord(status, okStatus);
  }

  async #deleteGlobal(name: string): Promise<void> {
    const text = this.#engine.memory.allocateString(name);
    await this.#stack.call('zend_hash_str_del', this.#fields.symbolTable, text, name.length);
    this.#direct('free', text);
  }

  /** For C functions that run no code of the application and wait for nothing. */
  #direct(name: string, ...args: number[]): void {
    this.#engine.function(name)(...args);
  }
}
