/** The request in PHP's SAPI globals, and the C strings that live as long as it. */

import type { PhpRequest } from '../shared/protocol.ts';
import type { Engine } from './engine.ts';
import { sapiGlobals, sapiHeaders } from './layout.ts';

/** Pointers of the request, and its content length. */
const requestFields: readonly number[] = [
  sapiGlobals.requestMethod,
  sapiGlobals.queryString,
  sapiGlobals.cookieData,
  sapiGlobals.contentLength,
  sapiGlobals.contentLength + 4,
  sapiGlobals.pathTranslated,
  sapiGlobals.requestUri,
  sapiGlobals.requestBody,
  sapiGlobals.contentType,
  sapiGlobals.contentTypeCopy,
  sapiGlobals.authUser,
  sapiGlobals.authPassword,
  sapiGlobals.authDigest,
  sapiGlobals.currentUser,
];

/** HTTP/1.0, PHP's assumption under CGI. */
const protocolNumber = 1000;

export class RequestInfo {
  readonly #engine: Engine;
  readonly #strings: number[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A C string that lives as long as the request. */
  string(text: string | undefined): number {
    if (text === undefined) return 0;
    const address = this.#engine.memory.allocateString(text);
    this.#strings.push(address);
    return address;
  }

  /** Frees the strings of the request. */
  free(): void {
    for (const address of this.#strings.splice(0)) this.#engine.function('free')(address);
  }

  /** The engine's memory is restored to a state without them. */
  forget(): void {
    this.#strings.length = 0;
  }

  /** There is no request: also PHP's own pointers, which it would free once more at the end of the next one. */
  clear(): void {
    const base = this.#engine.address('sapi_globals');
    this.#engine.memory.setWord(base + sapiGlobals.serverContext, 0);
    for (const field of requestFields) this.#engine.memory.setWord(base + field, 0);
    this.free();
  }

  fill(request: PhpRequest): void {
    const { params } = request;
    const { memory } = this.#engine;
    const base = this.#engine.address('sapi_globals');
    const set = (offset: number, value: number): void => memory.setWord(base + offset, value);
    set(sapiGlobals.serverContext, 1);
    set(sapiGlobals.requestMethod, this.string(params.get('REQUEST_METHOD')));
    set(sapiGlobals.queryString, this.string(params.get('QUERY_STRING') ?? ''));
    set(sapiGlobals.cookieData, this.string(params.get('HTTP_COOKIE')));
    set(sapiGlobals.contentLength, request.contentLength % 2 ** 32);
    set(sapiGlobals.contentLength + 4, Math.floor(request.contentLength / 2 ** 32));
    set(sapiGlobals.pathTranslated, this.string(request.script));
    set(sapiGlobals.requestUri, this.string(params.get('SCRIPT_NAME') ?? ''));
    set(sapiGlobals.contentType, this.string(params.get('CONTENT_TYPE') ?? ''));
    set(sapiGlobals.protoNum, protocolNumber);
    set(sapiGlobals.headers + sapiHeaders.responseCode, 200);
    // Fills auth_user, auth_password and auth_digest; PHP frees them at the end of the request.
    this.#engine.function('php_handle_auth_data')(this.string(params.get('HTTP_AUTHORIZATION')));
  }
}
