/**
 * Protocol errors of a FastCGI peer. The codes are stable: tests, logs and documents name them. A retired code is never
 * reused.
 */
export const errorCode = {
  /** The version byte of a record differs from 1: almost always the peer speaks another protocol. */
  badVersion: 'bad-version',
  /** BEGIN_REQUEST (client side: END_REQUEST) whose content is not 8 bytes. */
  badBeginLength: 'bad-begin-length',
  badEndLength: 'bad-end-length',
  /** An application record with request id 0, which is reserved for management records. */
  badRequestId: 'bad-request-id',
  /** A record that is invalid in the connection's state. */
  unexpectedRecord: 'unexpected-record',
  /** A name-value stream ended inside a pair. */
  truncatedPair: 'truncated-pair',
  paramsTooLarge: 'params-too-large',
  tooManyParams: 'too-many-params',
  /** A management record longer than any valid one. */
  managementTooLarge: 'management-too-large',
  bodyTooLarge: 'body-too-large',
  /** More requests with other ids during a running one than a connection is allowed. */
  tooManyRefused: 'too-many-refused',
  headerTimeout: 'header-timeout',
  bodyTimeout: 'body-timeout',
  sendTimeout: 'send-timeout',
  /** The peer closed the connection inside a record or a request. */
  unexpectedEnd: 'unexpected-end',
  /** A string with characters over U+00FF in place of a binary string. */
  notBinary: 'not-binary',
  /** The CGI header block of a response. */
  badCgiHead: 'bad-cgi-head',
  cgiHeadTooLarge: 'cgi-head-too-large',
  /** Client side: connecting failed, or the connection was lost. */
  connectFailed: 'connect-failed',
  connectionLost: 'connection-lost',
  aborted: 'aborted',
  /** Client side: END_REQUEST refused the request (protocol status is not REQUEST_COMPLETE). */
  refused: 'refused',
} as const;

export type FastCgiErrorCode = (typeof errorCode)[keyof typeof errorCode];

/** The error class of this room; `code` is the kind, the message has the offending value. */
export class FastCgiError extends Error {
  override readonly name = 'FastCgiError';
  readonly code: FastCgiErrorCode;

  constructor(code: FastCgiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
