import type { FastCgiError } from './errors.ts';

/** Resource limits of a connection. Times are milliseconds; 0 disables a timer. */
export interface ServerLimits {
  /** Bytes of the whole PARAMS stream, including length bytes. */
  paramsBytes: number;
  /** Name-value pairs of one request. */
  paramsCount: number;
  /** Largest CONTENT_LENGTH; undefined: no limit (PHP's own post_max_size decides). */
  bodyBytes?: number;
  /** From the first byte of a request to the end of PARAMS; also from connecting to the first byte. */
  headerTimeout: number;
  /** Between two pieces of the body while the application waits for one. */
  bodyTimeout: number;
  /** Between two requests of one connection. */
  keepAliveTimeout: number;
  /** After end(): longest time without the peer taking any unsent bytes. */
  sendTimeout: number;
  /** After the last byte was sent: time for reading and discarding input before the close. */
  lingerTimeout: number;
  /** FCGI_MAX_CONNS for GET_VALUES. */
  maxConnections: number;
  /** FCGI_MAX_REQS for GET_VALUES. */
  maxRequests: number;
}

/**
 * 256 KiB of parameters are eight times the limit of nginx's default header buffers. 2000 pairs: every request header
 * becomes one; Apache allows 100 headers, Node 2000, nginx's default buffers far fewer of realistic length. Every web
 * server sends the parameters at once, so 10 s is generous; 60 s for the body is what nginx grants its own client; 75 s
 * of idle time lets nginx (60 s) close first, which costs no request.
 */
export const defaultServerLimits: ServerLimits = {
  paramsBytes: 256 * 1024,
  paramsCount: 2000,
  headerTimeout: 10_000,
  bodyTimeout: 60_000,
  keepAliveTimeout: 75_000,
  sendTimeout: 60_000,
  lingerTimeout: 5_000,
  maxConnections: 1,
  maxRequests: 1,
};

/** Events for the owner of a connection. onClose is the last one. */
export interface ServerHandler {
  /** A BEGIN_REQUEST arrived: its parameters follow. */
  onRequestStart?(): void;
  /** The request announced by onRequestStart was aborted or refused before its parameters were complete. */
  onRequestAbandoned?(): void;
  /** BEGIN_REQUEST and all PARAMS have arrived. */
  onRequest(request: ServerRequest): void;
  /** The connection ends by a protocol error or a timeout; the message is safe for a log. At most once. */
  onProtocolError(error: FastCgiError): void;
  /** The connection has ended. Once, whatever the reason. */
  onClose(): void;
}

export type RoleName = 'RESPONDER' | 'AUTHORIZER' | 'FILTER';

/** One request. After the end of the request or the connection every method is a no-op. */
export interface ServerRequest {
  readonly id: number;
  readonly role: RoleName;
  /** The client asked to keep the connection open (FCGI_KEEP_CONN). */
  readonly keepConnection: boolean;
  /** In order of arrival, duplicates kept, as binary strings; without FCGI_ROLE. */
  readonly params: readonly (readonly [string, string])[];
  /** CONTENT_LENGTH as PHP parses it: the promised bytes of the body; 0 when missing, invalid or negative. */
  readonly contentLength: number;
  /**
   * Pulls the body. onChunk gets each piece (in total never more than contentLength), then onEnd is called once:
   * complete = false when the stream ended before contentLength. Both may be called before readBody returns; neither is
   * called after onAbort or end(). Before readBody, only body bytes that arrived with earlier records are read. The
   * pieces are views of the socket's buffers and belong to the receiver.
   */
  readBody(onChunk: (bytes: Uint8Array) => void, onEnd: (complete: boolean) => void): void;
  pauseBody(): void;
  resumeBody(): void;
  /**
   * STDOUT bytes; the caller must not change them afterwards. All writes in one turn of the event loop leave in one
   * system call, including the end when end() is called in that turn.
   * @returns false when the buffer is full: wait for onDrain before writing more (otherwise it only grows).
   */
  write(bytes: Uint8Array): boolean;
  /** STDERR bytes; otherwise as write. */
  writeError(bytes: Uint8Array): boolean;
  onDrain: (() => void) | undefined;
  /** Bytes still buffered in user space, including record headers. */
  readonly pendingBytes: number;
  /** The client has left or sent ABORT_REQUEST. At most once, and never after end(). */
  onAbort: (() => void) | undefined;
  /**
   * Ends the response: end-of-stream records and END_REQUEST. Idempotent. The connection is reused when the client
   * asked for that and the body was read to its end; otherwise it closes.
   */
  end(appStatus?: number, protocolStatus?: number): void;
}
