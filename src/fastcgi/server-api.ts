import type { FastCgiError } from './errors.ts';

/** What one connection may cost. Times are milliseconds; 0 switches a timer off. */
export interface ServerLimits {
  /** Bytes of the whole PARAMS stream, length bytes included. */
  paramsBytes: number;
  /** Name-value pairs of one request. */
  paramsCount: number;
  /** Largest CONTENT_LENGTH; absent: no limit (PHP's own post_max_size decides). */
  bodyBytes?: number;
  /** From the first byte of a request to its complete PARAMS; also from connecting to the first byte. */
  headerTimeout: number;
  /** Between two pieces of the body while the application waits for one. */
  bodyTimeout: number;
  /** Between two requests of one connection. */
  keepAliveTimeout: number;
  /** After end(): time in which the peer has to take some of what is still unsent. */
  sendTimeout: number;
  /** After the last byte was sent: how long input that nobody wants is read and dropped before the close. */
  lingerTimeout: number;
  /** What GET_VALUES reports as FCGI_MAX_CONNS. */
  maxConnections: number;
  /** What GET_VALUES reports as FCGI_MAX_REQS. */
  maxRequests: number;
}

/**
 * 256 KiB of parameters are eight times what nginx's default header buffers admit. 2000 pairs: every request header
 * becomes one; Apache admits 100 headers, Node 2000, nginx's default buffers far fewer of any realistic length.
 * A header arrives in one piece from every web server, so 10 s is generous; 60 s for the body is what nginx grants
 * its own client; 75 s of idleness lets nginx (60 s) close first, which costs no request.
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

/** What the owner of a connection is told. No callback comes after onClose. */
export interface ServerHandler {
  /** A BEGIN_REQUEST was seen: parameters are being read. */
  onRequestStart?(): void;
  /** The request announced by onRequestStart will not come (aborted or refused before its parameters were in). */
  onRequestAbandoned?(): void;
  /** BEGIN_REQUEST and all PARAMS are in. */
  onRequest(request: ServerRequest): void;
  /** The connection ends by a protocol error or a timeout; the message is fit for a log. At most once. */
  onProtocolError(error: FastCgiError): void;
  /** The connection is over, for whatever reason. Once. */
  onClose(): void;
}

export type RoleName = 'RESPONDER' | 'AUTHORIZER' | 'FILTER';

/** One request. Every method is harmless after the request or the connection has ended. */
export interface ServerRequest {
  readonly id: number;
  readonly role: RoleName;
  /** The client asked for the connection to stay open (FCGI_KEEP_CONN). */
  readonly keepConnection: boolean;
  /** In order of arrival, duplicates kept, binary strings; FCGI_ROLE is not among them. */
  readonly params: readonly (readonly [string, string])[];
  /** CONTENT_LENGTH as PHP reads it: the body bytes promised; 0 when absent, garbage or negative. */
  readonly contentLength: number;
  /**
   * Pulls the body. onChunk gets each piece (together never more than contentLength), onEnd is called once:
   * complete = false when the stream ended before contentLength. Both may be called before readBody returns;
   * neither is called after onAbort or end(). Until readBody is called nothing of the body is read beyond what
   * one read brought. The pieces are views of the socket's buffers and belong to the receiver.
   */
  readBody(onChunk: (bytes: Uint8Array) => void, onEnd: (complete: boolean) => void): void;
  pauseBody(): void;
  resumeBody(): void;
  /**
   * STDOUT bytes, which must not be changed afterwards. What is written in one turn of the event loop leaves in one
   * system call, together with the end when end() is called in that turn.
   * @returns false when the buffer is full: wait for onDrain before writing more (nothing is lost if you do not).
   */
  write(bytes: Uint8Array): boolean;
  /** STDERR bytes; as write. */
  writeError(bytes: Uint8Array): boolean;
  onDrain: (() => void) | undefined;
  /** Bytes that still wait in user space, record headers included. */
  readonly pendingBytes: number;
  /** The client is gone or sent ABORT_REQUEST. At most once, and not after end(). */
  onAbort: (() => void) | undefined;
  /**
   * Ends the response: end-of-stream records and END_REQUEST. Idempotent. The connection is used for another
   * request when the client asked for it and the body was read to its end; otherwise it closes.
   */
  end(appStatus?: number, protocolStatus?: number): void;
}
