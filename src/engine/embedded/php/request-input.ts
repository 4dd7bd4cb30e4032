/** The start of a request of a booted application: PHP reads its head and body, and fills the superglobals. */

import { iniFlag } from '../../script.ts';
import type { Engine } from './engine.ts';
import type { ExtensionStages } from './extension-stages.ts';
import { type GlobalFields, setUndefined } from './global-fields.ts';
import type { IniEntries } from './ini-entries.ts';
import { zval } from './layout.ts';
import type { MainStack } from './main-stack.ts';
import type { Sapi } from './sapi.ts';
import type { Superglobals } from './superglobals.ts';
import { writeValue } from './values.ts';

/** `PHP_OUTPUT_HANDLER_STDFLAGS` */
const standardHandler = 0x70;

export interface InputParts {
  readonly engine: Engine;
  readonly fields: GlobalFields;
  readonly stack: MainStack;
  readonly entries: IniEntries;
  readonly extensions: ExtensionStages;
  readonly superglobals: Superglobals;
  readonly sapi: Pick<Sapi, 'isHeadSent'>;
  /** `8.4.25` */
  readonly phpVersion: string;
}

export class RequestInput {
  readonly #parts: InputParts;

  constructor(parts: InputParts) {
    this.#parts = parts;
  }

  /**
   * As in any request no code of the application runs at that time: its error handler must not hear of what a client
   * has sent, and PHP's messages name no place in a script.
   */
  async read(): Promise<void> {
    const { engine, fields } = this.#parts;
    const { memory } = engine;
    const { currentFrame, errorHandler, requestStartup } = fields;
    const frame = memory.word(currentFrame);
    const handler = Buffer.from(memory.bytes.subarray(errorHandler, errorHandler + zval.size));
    setUndefined(engine, errorHandler);
    memory.setWord(currentFrame, 0);
    if (requestStartup !== undefined) memory.bytes[requestStartup] = 1;
    await this.#begin();
    if (requestStartup !== undefined) memory.bytes[requestStartup] = 0;
    memory.setWord(currentFrame, frame);
    handler.copy(memory.bytes, errorHandler);
  }

  async #begin(): Promise<void> {
    const { stack, sapi, phpVersion, superglobals, extensions } = this.#parts;
    await stack.call('sapi_activate');
    this.limitTime(this.#number('max_input_time') < 0 ? 'max_execution_time' : 'max_input_time');
    // A message about the body may have sent the head; PHP then goes on without this header.
    if (this.#flag('expose_php') && !sapi.isHeadSent) this.#addHeader(`X-Powered-By: PHP/${phpVersion}`);
    this.#startBuffering();
    await superglobals.fill();
    await extensions.start((name, ...args) => stack.call(name, ...args));
  }

  /** @param setting an ini setting in seconds */
  limitTime(setting: string): void {
    this.#parts.engine.function('zend_set_timeout')(BigInt(Math.max(0, this.#number(setting))), 0);
  }

  #startBuffering(): void {
    const { engine, entries } = this.#parts;
    const handler = entries.value('output_handler') ?? '';
    const bytes = this.#number('output_buffering') || Number(this.#flag('output_buffering'));
    const start = engine.function('php_output_start_user');
    if (handler !== '') {
      const holder = engine.memory.allocate(zval.size);
      writeValue(engine, holder, handler);
      start(holder, 0, standardHandler);
      engine.function('zval_ptr_dtor')(holder);
      engine.function('free')(holder);
    } else if (bytes > 0) {
      start(0, bytes > 1 ? bytes : 0, standardHandler);
    } else if (this.#flag('implicit_flush')) {
      engine.function('php_output_set_implicit_flush')(1);
    }
  }

  #addHeader(line: string): void {
    const { engine } = this.#parts;
    const text = engine.memory.allocateString(line);
    engine.function('sapi_add_header_ex')(text, line.length, 1, 1);
    engine.function('free')(text);
  }

  #number(setting: string): number {
    return Number.parseInt(this.#parts.entries.value(setting) ?? '', 10) || 0;
  }

  #flag(setting: string): boolean {
    return iniFlag(this.#parts.entries.value(setting), false);
  }
}
