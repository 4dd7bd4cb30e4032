/**
 * FastCGI records (FastCGI Specification 1.0, sections 3.3, 5 and 8).
 *
 *      0         1         2         3         4         5         6         7
 * +---------+---------+---------+---------+---------+---------+---------+---------+
 * | version | type    | request id        | content length    | padding | reserved|
 * |   1     |         | big-endian        | big-endian        | length  |    0    |
 * +---------+---------+---------+---------+---------+---------+---------+---------+
 * | content (0 … 65535 bytes) …                   | padding (0 … 255 bytes) …     |
 * +-----------------------------------------------+-------------------------------+
 *
 * Content of BEGIN_REQUEST:   role (2, big-endian), flags (1), reserved (5)
 * Content of END_REQUEST:     application status (4, big-endian), protocol status (1), reserved (3)
 * Content of UNKNOWN_TYPE:    type (1), reserved (7)
 * Content of PARAMS, GET_VALUES, GET_VALUES_RESULT: a stream of name-value pairs, see pairs.ts
 * A stream (PARAMS, STDIN, DATA, STDOUT, STDERR) ends with a record of its type without content.
 */
export const protocolVersion = 1;
export const headerBytes = 8;
export const maxContentBytes = 65535;
/** Largest content without padding, used for long streams. */
export const alignedContentBytes = 65528;
/** Content length of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE. */
export const fixedContentBytes = 8;

export const recordType = {
  beginRequest: 1,
  abortRequest: 2,
  endRequest: 3,
  params: 4,
  stdin: 5,
  stdout: 6,
  stderr: 7,
  data: 8,
  getValues: 9,
  getValuesResult: 10,
  unknownType: 11,
} as const;
export type RecordType = (typeof recordType)[keyof typeof recordType];

/** Request id of records that concern the connection instead of a request. */
export const managementId = 0;

export const role = { responder: 1, authorizer: 2, filter: 3 } as const;

/** BEGIN_REQUEST flag: the server side leaves the connection open after END_REQUEST. */
export const keepConnectionFlag = 1;

export const protocolStatus = {
  requestComplete: 0,
  cannotMultiplex: 1,
  overloaded: 2,
  unknownRole: 3,
} as const;

const typeNames: ReadonlyMap<number, string> = new Map([
  [recordType.beginRequest, 'BEGIN_REQUEST'],
  [recordType.abortRequest, 'ABORT_REQUEST'],
  [recordType.endRequest, 'END_REQUEST'],
  [recordType.params, 'PARAMS'],
  [recordType.stdin, 'STDIN'],
  [recordType.stdout, 'STDOUT'],
  [recordType.stderr, 'STDERR'],
  [recordType.data, 'DATA'],
  [recordType.getValues, 'GET_VALUES'],
  [recordType.getValuesResult, 'GET_VALUES_RESULT'],
  [recordType.unknownType, 'UNKNOWN_TYPE'],
]);

/** The specification's name of a type without its prefix, or `type N`. */
export function recordTypeName(type: number): string {
  return typeNames.get(type) ?? `type ${type}`;
}

export interface RecordHeader {
  readonly type: number;
  readonly id: number;
  readonly contentLength: number;
  readonly paddingLength: number;
}

/** Padding that brings a record to a multiple of 8 bytes. */
export function paddingFor(contentLength: number): number {
  return -contentLength & 7;
}

/** Writes the 8 bytes of a header at `offset`; the values come from our own code and are not checked. */
export function putHeader(
  target: Uint8Array,
  offset: number,
  type: number,
  id: number,
  contentLength: number,
  paddingLength: number,
): void {
  target[offset] = protocolVersion;
  target[offset + 1] = type;
  target[offset + 2] = id >>> 8;
  target[offset + 3] = id;
  target[offset + 4] = contentLength >>> 8;
  target[offset + 5] = contentLength;
  target[offset + 6] = paddingLength;
  target[offset + 7] = 0;
}
