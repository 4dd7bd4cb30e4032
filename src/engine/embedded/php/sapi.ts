/**
 * PHP's server interface ("SAPI") in JavaScript: PHP calls back for output, headers, body, variables and log through
 * function pointers of `sapi_module`, which this class sets. The package's own callbacks (files in a virtual folder,
 * headers as JSON) are unused.
 */

import type { Variables } from '../shared/variables.ts';
import type { CFunction, Engine } from './engine.ts';
import { composeHead, type HeadOptions } from './head.ts';
import type { RunResult } from './instance-settings.ts';
import { hashTable, headerElement, sapiGlobals, sapiHeaders, sapiModule, zval, zvalType } from './layout.ts';

/** Destination of a response, called while the script runs. */
export interface ResponseSink {
  /** Header block, a binary string. */
  head(status: number, text: string): void;
  /** Body bytes, owned by the receiver. Returns false once the client has left. */
  body(bytes: Uint8Array<ArrayBuffer>): boolean;
  /** The script wants its output so far delivered. */
  flush(): void;
  finished(): void;
  /** Worker mode: the response is complete, the application may still be busy. */
  answered?(result: RunResult): void;
  log(bytes: Uint8Array<ArrayBuffer>): void;
}

/** Source of the request body. */
export interface BodySource {
  /** Up to `limit` bytes: at once if available, else by a promise; an empty array means the end. */
  read(limit: number): Uint8Array | Promise<Uint8Array>;
}

/** A request as the callbacks use it. */
export interface SapiRequest {
  readonly params: Variables;
  readonly phpSelf: string;
  readonly body: BodySource;
  readonly sink: ResponseSink;
  /** A booted application handles it. */
  readonly isHandled?: boolean;
}

/** Size of the output buffer, as in PHP-FPM. */
const bufferBytes = 8192;
const headerSent = 1;
/** httpoxy: the client's Proxy header must not look like the environment variable. */
const clientProxy = 'HTTP_PROXY';
/** Computed for each request, so it is not a parameter. */
const phpSelf = 'PHP_SELF';
/** The source of a variable for the input filter (`PARSE_ENV`, `PARSE_SERVER`). */
const filterSource = { environment: 4, server: 5 } as const;
const loadVariables = 'php_load_environment_variables';
/** Larger than `core_globals` in any version. */
const coreGlobalsBytes = 2048;

export class Sapi {
  readonly #engine: Engine;
  readonly #buffer = Buffer.alloc(bufferBytes);
  #buffered = 0;
  #request: SapiRequest | undefined;
  #finished = false;
  #headSent = false;
  #aborted = false;
  #bailedOut = false;
  #scratch = 0;
  #scratchBytes = 0;
  readonly #registerVariable: CFunction;
  /** Two words for the input filter: it may replace the value and its length. */
  readonly #filtered: number;
  #importEnvironment: (array: number) => void = () => {};
  /** Address of the zval for `$_SERVER`; that of `$_ENV` follows. 0 while unknown. */
  #serverArray = 0;
  #headOptions: () => HeadOptions = () => ({ nph: false, rfc2616: false });
  /** Called when a request starts inside PHP, before its variables exist; for ini values. */
  onActivate: () => void = () => {};
  /** Called when the client of a booted application's request has left. */
  onAbort: () => void = () => {};
  /** Called when a request ends inside PHP, while its memory still exists. */
  onDeactivate: () => void = () => {};
  status = 200;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#registerVariable = engine.function('php_register_variable_safe');
    this.#filtered = engine.memory.allocate(8);
  }

  /** Points PHP's callbacks to this object. Call it once, after PHP's start and before its first request. */
  install(flushSendsHead: boolean): void {
    const engine = this.#engine;
    const base = engine.address('sapi_module');
    const slots: readonly (readonly [number, string, (...args: number[]) => unknown])[] = [
      [sapiModule.activate, 'i', () => this.#activate()],
      [sapiModule.deactivate, 'i', () => this.#deactivate()],
      [sapiModule.ubWrite, 'iii', (address = 0, length = 0) => this.#write(address, length)],
      [sapiModule.flush, 'vi', () => this.#flush(flushSendsHead)],
      [sapiModule.getenv, 'iii', (address = 0) => this.#getenv(address)],
      [sapiModule.sendHeaders, 'ii', (headers = 0) => this.#sendHeaders(headers)],
      [
        sapiModule.readCookies,
        'i',
        () => engine.memory.word(engine.address('sapi_globals') + sapiGlobals.cookieData),
      ],
      [sapiModule.registerServerVariables, 'vi', (array = 0) => this.#registerVariables(array)],
      [sapiModule.logMessage, 'vii', (text = 0) => this.#log(text)],
    ];
    for (const [slot, signature, call] of slots) {
      engine.memory.setWord(base + slot, engine.pointer(signature, call));
    }
    const readPost = new WebAssembly.Suspending((address: number, limit: number) =>
      this.#readPost(address, limit),
    );
    engine.memory.setWord(base + sapiModule.readPost, engine.pointer('iii', readPost));
    engine.memory.setWord(base + sapiModule.prettyName, engine.memory.allocateString('FPM/FastCGI'));
    this.#extendEnvironment();
  }

  /** Adds the request's parameters to `$_ENV`, and to getenv() without a name, after the environment. */
  #extendEnvironment(): void {
    const { memory, table } = this.#engine;
    const slot = this.#engine.address('php_import_environment_variables');
    this.#importEnvironment = table.get(memory.word(slot)) as (array: number) => void;
    memory.setWord(
      slot,
      this.#engine.pointer('vi', (array = 0) => this.#import(array)),
    );
    // Older versions have one function for both.
    if (!this.#engine.has(loadVariables)) return;
    const load = (array = 0): void => this.#importAll(array, this.#registerVariable);
    memory.setWord(this.#engine.address(loadVariables), this.#engine.pointer('vi', load));
  }

  /** As in PHP-FPM: a non-empty `$_ENV` or `$_SERVER` serves as the environment. */
  #import(array: number): void {
    const start = this.#engine.address('core_globals');
    const isEnv = array > start && array < start + coreGlobalsBytes && array !== this.#serverArray;
    if (isEnv) this.#serverArray = array - zval.size;
    const env = this.#serverArray + zval.size;
    // `$_ENV` of a booted application is that of its boot.
    const isAlone = this.#serverArray === 0 || this.#request?.isHandled === true;
    for (const filled of isAlone ? [] : [env, this.#serverArray]) {
      if (filled !== array && this.#isFilled(filled)) return this.#copyArray(filled, array);
    }
    this.#importAll(array, this.#filter(isEnv ? filterSource.environment : filterSource.server));
  }

  #isFilled(address: number): boolean {
    const { memory } = this.#engine;
    if ((memory.word(address + zval.type) & 0xff) !== (zvalType.array & 0xff)) return false;
    return memory.word(memory.word(address + zval.value) + hashTable.elements) > 0;
  }

  #copyArray(from: number, to: number): void {
    const { memory } = this.#engine;
    this.#engine.function('zval_ptr_dtor')(to);
    const copy = this.#engine.function('zend_array_dup')(memory.word(from + zval.value));
    memory.setWord(to + zval.value, copy);
    memory.setWord(to + zval.type, zvalType.array);
  }

  /** The environment, unfiltered, and the parameters. */
  #importAll(array: number, register: CFunction): void {
    this.#importEnvironment(array);
    const request = this.#request;
    if (request === undefined) return;
    const { params } = request;
    const text = this.#transient(params.text);
    params.each((name, nameLength, value, valueLength) => {
      if (nameLength === phpSelf.length && params.text.startsWith(phpSelf, name)) return;
      register(text + name, text + value, valueLength, array);
    });
  }

  /** Registers variables through PHP's extension filter, which stores the originals for filter_input(). */
  #filter(source: number): CFunction {
    const { memory, table } = this.#engine;
    const slot = this.#engine.address('sapi_module') + sapiModule.inputFilter;
    const filter = table.get(memory.word(slot)) as CFunction;
    const cell = this.#filtered;
    return (name = 0, value = 0, length = 0, array = 0) => {
      memory.setWord(cell, Number(value));
      const isLeftToUs = filter(source, name, cell, length, cell + 4) !== 0;
      return isLeftToUs ? this.#registerVariable(name, memory.word(cell), memory.word(cell + 4), array) : 0;
    };
  }

  set headOptions(options: () => HeadOptions) {
    this.#headOptions = options;
  }

  /** Address of the zval for `$_SERVER`; 0 before a script has used it. */
  get serverArray(): number {
    return this.#serverArray;
  }

  /** The header block has left PHP. */
  get isHeadSent(): boolean {
    return this.#headSent;
  }

  /** True when the script was ended because the client left. */
  get bailedOut(): boolean {
    return this.#bailedOut;
  }

  begin(request: SapiRequest): void {
    this.#request = request;
    this.#buffered = 0;
    this.#finished = false;
    this.#headSent = false;
    this.#aborted = false;
    this.#bailedOut = false;
    this.status = 200;
  }

  /** Ends the request. @returns the buffered output, as a binary string */
  end(): string {
    const rest = this.#buffer.toString('latin1', 0, this.#buffered);
    this.#buffered = 0;
    this.#request = undefined;
    return rest;
  }

  /** The engine trapped: unsent output is lost, sent output stands. */
  abandon(): void {
    this.#buffered = 0;
    this.#request = undefined;
  }

  /** fastcgi_finish_request() after PHP's own buffers were flushed: the response is complete. */
  finish(): boolean {
    if (this.#finished || this.#request === undefined) return false;
    this.#drain();
    this.#finished = true;
    this.#request.sink.finished();
    return true;
  }

  #activate(): number {
    this.onActivate();
    return 0;
  }

  #deactivate(): number {
    this.onDeactivate();
    return 0;
  }

  #write(address: number, length: number): number {
    const sink = this.#request?.sink;
    // Output after the end of the response is dropped silently.
    if (sink === undefined || this.#finished || length === 0) return length;
    if (this.#aborted) return length;
    let open = true;
    if (length + this.#buffered <= bufferBytes) {
      this.#engine.memory.bytes.copy(this.#buffer, this.#buffered, address, address + length);
      this.#buffered += length;
      if (this.#buffered === bufferBytes) open = this.#drain();
    } else {
      open = this.#drain() && sink.body(this.#engine.memory.copy(address, length));
    }
    if (!open) this.#abort();
    return length;
  }

  /**
   * Bails out of the script unless it ignores aborts; PHP unwinds through this call. A booted application goes on, without
   * output: PHP would leave it in the middle of something.
   */
  #abort(): void {
    this.#aborted = true;
    this.#buffered = 0;
    if (this.#request?.isHandled === true) return this.onAbort();
    this.#bailedOut = true;
    this.#engine.function('php_handle_aborted_connection')();
    this.#bailedOut = false;
  }

  /** @returns false once the client has left. */
  #drain(): boolean {
    const bytes = this.#takeBuffered();
    if (bytes === undefined || this.#request === undefined) return true;
    return this.#request.sink.body(bytes);
  }

  #takeBuffered(): Uint8Array<ArrayBuffer> | undefined {
    const length = this.#buffered;
    this.#buffered = 0;
    return length === 0 ? undefined : new Uint8Array(this.#buffer.subarray(0, length));
  }

  #flush(sendsHead: boolean): void {
    if (this.#request === undefined || this.#finished) return;
    // PHP 8.4 and later: flush() sends the head even without a body.
    if (sendsHead && !this.#headSent) this.#engine.function('sapi_send_headers')();
    if (!this.#drain() && !this.#aborted) this.#abort();
    this.#request?.sink.flush();
  }

  #sendHeaders(headers: number): number {
    const memory = this.#engine.memory;
    const lines: string[] = [];
    for (
      let element = memory.word(headers + sapiHeaders.firstHeader);
      element !== 0;
      element = memory.word(element + headerElement.next)
    ) {
      lines.push(
        memory.slice(memory.word(element + headerElement.text), memory.word(element + headerElement.length)),
      );
    }
    const explicit = memory.word(headers + sapiHeaders.statusLine);
    this.status = memory.word(headers + sapiHeaders.responseCode);
    this.#headSent = true;
    const text = composeHead(
      {
        status: this.status,
        statusLine: explicit === 0 ? undefined : memory.string(explicit),
        headers: lines,
      },
      this.#headOptions(),
    );
    if (!this.#finished) this.#request?.sink.head(this.status, text);
    return headerSent;
  }

  #readPost(address: number, limit: number): number | Promise<number> {
    const read = this.#request?.body.read(limit) ?? new Uint8Array();
    const store = (bytes: Uint8Array): number => {
      this.#engine.memory.bytes.set(bytes, address);
      return bytes.length;
    };
    return read instanceof Uint8Array ? store(read) : read.then(store);
  }

  /** A string in memory that is valid until the next call; for values that PHP copies at once. */
  #transient(text: string): number {
    if (text.length >= this.#scratchBytes) {
      if (this.#scratch !== 0) this.#engine.function('free')(this.#scratch);
      this.#scratchBytes = Math.max(1024, text.length * 2);
      this.#scratch = this.#engine.memory.allocate(this.#scratchBytes);
    }
    this.#engine.memory.writeString(this.#scratch, text);
    return this.#scratch;
  }

  /** getenv() of a script: first the request's parameters, then PHP's environment. */
  #getenv(name: number): number {
    const wanted = this.#engine.memory.string(name);
    // In any case: some libraries ask for http_proxy.
    if (wanted.toUpperCase() === clientProxy || wanted === phpSelf) return 0;
    const found = this.#request?.params.get(wanted);
    return found === undefined ? 0 : this.#transient(found);
  }

  #registerVariables(array: number): void {
    this.#serverArray = array;
    this.#import(array);
    const request = this.#request;
    if (request === undefined) return;
    const { phpSelf: value } = request;
    const text = this.#transient(`${value}\0${phpSelf}`);
    this.#filter(filterSource.server)(text + value.length + 1, text, value.length, array);
  }

  #log(text: number): void {
    const memory = this.#engine.memory;
    this.#request?.sink.log(memory.copy(text, memory.bytes.indexOf(0, text) - text));
  }

  /** Forgets engine memory after a restore. */
  reset(): void {
    this.#scratch = 0;
    this.#scratchBytes = 0;
    this.#request = undefined;
  }
}
