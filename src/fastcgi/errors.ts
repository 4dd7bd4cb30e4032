/**
 * What can be wrong with what a FastCGI peer sent. The codes are stable: tests, logs and documents name them.
 * A retired code is never used again.
 */
export const errorCode = {
  /** The version byte of a record is not 1. Almost always: the peer does not speak FastCGI. */
  badVersion: 'bad-version',
  /** BEGIN_REQUEST whose content is not 8 bytes, or END_REQUEST likewise (client side). */
  badBeginLength: 'bad-begin-length',
  badEndLength: 'bad-end-length',
  /** An application record with request id 0, which belongs to management records. */
  badRequestId: 'bad-request-id',
  /** A record that the state of the connection does not allow. */
  unexpectedRecord: 'unexpected-record',
  /** A name-value stream ended inside a pair. */
  truncatedPair: 'truncated-pair',
  paramsTooLarge: 'params-too-large',
  tooManyParams: 'too-many-params',
  /** A management record longer than any that has a meaning. */
  managementTooLarge: 'management-too-large',
  bodyTooLarge: 'body-too-large',
  /** More requests with other ids while one was running than a connection is forgiven. */
  tooManyRefused: 'too-many-refused',
  headerTimeout: 'header-timeout',
  bodyTimeout: 'body-timeout',
  sendTimeout: 'send-timeout',
  /** The peer ended the connection in the middle of a record or a request. */
  unexpectedEnd: 'unexpected-end',
  /** A string with characters over U+00FF where a binary string is needed. */
  notBinary: 'not-binary',
  /** The CGI header block of a response. */
  badCgiHead: 'bad-cgi-head',
  cgiHeadTooLarge: 'cgi-head-too-large',
  /** Client side: no connection, or it was lost. */
  connectFailed: 'connect-failed',
  connectionLost: 'connection-lost',
  aborted: 'aborted',
  /** Client side: END_REQUEST refused the request (protocol status is not REQUEST_COMPLETE). */
  refused: 'refused',
} as const;

export type FastCgiErrorCode = (typeof errorCode)[keyof typeof errorCode];

/** The one class for every failure of this room; `code` tells which, the message carries the offending value. */
export class FastCgiError extends Error {
  override readonly name = 'FastCgiError';
  readonly code: FastCgiErrorCode;

  constructor(code: FastCgiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
