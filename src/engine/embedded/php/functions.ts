/** PHP functions of the FPM API that this build lacks, written in JavaScript; module.ts registers them. */

import { encodeBinary } from '../../../text/binary.ts';
import type { Engine } from './engine.ts';
import { functionEntryBytes, zval, zvalType } from './layout.ts';

/** The functions' environment. */
export interface FunctionHost {
  /** Request headers for getallheaders(). */
  requestHeaders(): readonly (readonly [string, string])[];
  /** Completes the response after PHP's buffers have been flushed. @returns false when it was complete before. */
  finish(): boolean;
  /** The main thread's answer to fpm_get_status(): JSON, or undefined without an answer. */
  status(): string | undefined;
  /** hathi_handle_request(): waits for a request of a booted application and serves it. */
  handleRequest(frame: number, result: number): Promise<void>;
}

/** `php_json_decode_ex`: objects become arrays. */
const jsonAsArray = 1n;
const jsonDepth = 16n;

function setFlag(engine: Engine, result: number, value: boolean): void {
  engine.memory.setWord(result + zval.type, value ? zvalType.true : zvalType.false);
}

function setHeaders(engine: Engine, result: number, headers: readonly (readonly [string, string])[]): void {
  const { memory } = engine;
  memory.setWord(result + zval.value, engine.function('_zend_new_array_0')());
  memory.setWord(result + zval.type, zvalType.array);
  for (const [name, value] of headers) {
    const text = memory.allocateString(`${name}\0${value}`);
    engine.function('add_assoc_stringl_ex')(result, text, name.length, text + name.length + 1, value.length);
    engine.function('free')(text);
  }
}

function setJson(engine: Engine, result: number, json: string | undefined): void {
  setFlag(engine, result, false);
  if (json === undefined) return;
  const bytes = encodeBinary(json);
  const text = engine.memory.allocateString(bytes);
  engine.function('php_json_decode_ex')(result, text, bytes.length, jsonAsArray, jsonDepth);
  engine.function('free')(text);
}

/** Writes a `zend_function_entry` table. Since 8.0 the layout of parameters differs. */
function functionTable(engine: Engine, handlers: ReadonlyMap<string, number>, version: string): number {
  const { memory } = engine;
  const entryBytes = functionEntryBytes(version);
  const table = memory.allocate(entryBytes * (handlers.size + 1));
  memory.bytes.fill(0, table, table + entryBytes * (handlers.size + 1));
  // Without parameters the single element describes the (undeclared) return type; its first word is the number of
  // required ones.
  const noParameters = memory.allocate(16);
  memory.bytes.fill(0, noParameters, noParameters + 16);
  let entry = table;
  for (const [name, handler] of handlers) {
    memory.setWord(entry, memory.allocateString(name));
    memory.setWord(entry + 4, handler);
    memory.setWord(entry + 8, noParameters);
    entry += entryBytes;
  }
  return table;
}

/** Writes the function table for the module. */
export function writeFunctionTable(engine: Engine, version: string, host: FunctionHost): number {
  const headers = engine.pointer('vii', (_call, result = 0) =>
    setHeaders(engine, result, host.requestHeaders()),
  );
  const status = engine.pointer('vii', (_call, result = 0) => setJson(engine, result, host.status()));
  // Output callbacks of the script may wait, so this one may suspend.
  const endBuffers = engine.suspendable('php_output_end_all');
  const finish = new WebAssembly.Suspending(async (_call: number, result: number) => {
    await endBuffers();
    engine.function('php_header')();
    setFlag(engine, result, host.finish());
  });
  const finishPointer = engine.pointer('vii', finish);
  const handle = new WebAssembly.Suspending((frame: number, result: number) =>
    host.handleRequest(frame, result),
  );
  const handlePointer = engine.pointer('vii', handle);
  const handlers = new Map([
    ['fastcgi_finish_request', finishPointer],
    ['hathi_finish_request', finishPointer],
    ['frankenphp_finish_request', finishPointer],
    ['hathi_handle_request', handlePointer],
    ['frankenphp_handle_request', handlePointer],
    ['apache_request_headers', headers],
    ['getallheaders', headers],
    ['fpm_get_status', status],
  ]);
  return functionTable(engine, handlers, version);
}

/** `X_FOO` as `X-Foo`: the first letter, and each letter after an underscore, keep their case. */
function headerName(variable: string): string {
  const rest = variable
    .slice(1)
    .replace(/_(.?)|([A-Z]+)/gs, (_match, kept: string | undefined, capitals: string | undefined) =>
      capitals === undefined ? `-${kept}` : capitals.toLowerCase(),
    );
  return variable.charAt(0) + rest;
}

/** `HTTP_X_FOO` as `X-Foo`: the request's parameters as getallheaders() returns them. */
export function headersOf(params: Iterable<readonly [string, string]>): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  for (const [name, value] of params) {
    if (/^HTTP_./s.test(name)) {
      headers.push([headerName(name.slice('HTTP_'.length)), value]);
    } else if (name === 'CONTENT_TYPE') headers.push(['Content-Type', value]);
    else if (name === 'CONTENT_LENGTH') headers.push(['Content-Length', value]);
  }
  return headers;
}
