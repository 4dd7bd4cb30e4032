/**
 * A FastCGI client for the tests, written independently from the FastCGI 1.0 specification: it shares no code with
 * src/fastcgi, so that an error on both sides of the wire cannot hide. One request per connection.
 */
import { connect, type Socket } from 'node:net';

/** Address of a server: a Unix socket's path, or host and port. */
export type Address = string | { readonly host: string; readonly port: number };

/** The response. `body` follows the header block. */
export interface Reply {
  readonly status: number;
  /** Names in lower case; the values of a repeated header in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: Buffer;
  /** Header block and body, unparsed. */
  readonly output: Buffer;
  readonly stderr: string;
  readonly appStatus: number;
}

/** Ways to lose a request. `cut`: the connection closed in order, but before the request's end. */
export type LossKind = 'refused' | 'reset' | 'timeout' | 'cut';

/** The request got no complete answer. */
export class RequestLost extends Error {
  readonly kind: LossKind;

  constructor(kind: LossKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

const recordType = { begin: 1, end: 3, params: 4, stdin: 5, stdout: 6, stderr: 7 } as const;
const requestId = 1;

function record(type: number, content: Buffer): Buffer {
  const header = Buffer.from([1, type, 0, requestId, content.length >> 8, content.length & 255, 0, 0]);
  return Buffer.concat([header, content]);
}

/** A stream of records: the content in pieces, then the empty record that ends it. */
function stream(type: number, content: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < content.length; at += 65_528) {
    records.push(record(type, content.subarray(at, at + 65_528)));
  }
  records.push(record(type, Buffer.alloc(0)));
  return records;
}

function length(of: Buffer): Buffer {
  if (of.length < 128) return Buffer.from([of.length]);
  const long = Buffer.alloc(4);
  long.writeUInt32BE((of.length | 0x80000000) >>> 0);
  return long;
}

function encodeParams(params: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [key, text] of Object.entries(params)) {
    const name = Buffer.from(key, 'latin1');
    const value = Buffer.from(text, 'latin1');
    parts.push(length(name), length(value), name, value);
  }
  return Buffer.concat(parts);
}

/** The parameters that a web server sends for a script; `more` adds to them or replaces them. */
export function scriptParams(
  script: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const name = `/${script.split('/').pop() ?? ''}`;
  return {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_SOFTWARE: 'hathi-tests',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    REMOTE_ADDR: '127.0.0.1',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: name,
    SCRIPT_NAME: name,
    SCRIPT_FILENAME: script,
    QUERY_STRING: '',
    ...more,
  };
}

/** The parameters that ask for the status or ping page at `path`. */
export function pageParams(path: string, query = ''): Record<string, string> {
  return { SCRIPT_NAME: path, SCRIPT_FILENAME: path, REQUEST_METHOD: 'GET', QUERY_STRING: query };
}

interface Collected {
  stdout: Buffer[];
  stderr: Buffer[];
  appStatus: number | undefined;
}

/** Takes complete records off the start of `bytes`; returns the rest. */
function collect(bytes: Buffer, into: Collected): Buffer {
  let rest = bytes;
  while (rest.length >= 8) {
    const size = rest.readUInt16BE(4);
    const total = 8 + size + (rest[6] ?? 0);
    if (rest.length < total) break;
    const content = rest.subarray(8, 8 + size);
    if (rest[1] === recordType.stdout) into.stdout.push(content);
    else if (rest[1] === recordType.stderr) into.stderr.push(content);
    else if (rest[1] === recordType.end) into.appStatus = content.readUInt32BE(0);
    rest = rest.subarray(total);
  }
  return rest;
}

/** After the empty line, which may be the first one. Without an empty line there is no header block. */
function bodyStart(output: Buffer): number {
  if (output.indexOf('\r\n') === 0) return 2;
  const end = output.indexOf('\r\n\r\n');
  return end < 0 ? 0 : end + 4;
}

function toReply(collected: Collected): Reply {
  const output = Buffer.concat(collected.stdout);
  const bodyAt = bodyStart(output);
  const head = output.toString('latin1', 0, bodyAt);
  const headers = new Map<string, string[]>();
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return {
    status: Number.parseInt(headers.get('status')?.[0] ?? '200', 10),
    headers,
    body: output.subarray(bodyAt),
    output,
    stderr: Buffer.concat(collected.stderr).toString('latin1'),
    appStatus: collected.appStatus ?? 0,
  };
}

/**
 * One request on its own connection.
 *
 * @throws RequestLost without a complete answer within `cap` ms.
 */
export function request(
  address: Address,
  params: Readonly<Record<string, string>>,
  body: Buffer | string = '',
  cap = 20_000,
): Promise<Reply> {
  const content = Buffer.from(body);
  const all = content.length > 0 ? { CONTENT_LENGTH: String(content.length), ...params } : params;
  return new Promise((resolve, reject) => {
    const socket: Socket = typeof address === 'string' ? connect(address) : connect(address);
    const collected: Collected = { stdout: [], stderr: [], appStatus: undefined };
    let rest: Buffer = Buffer.alloc(0);
    const settle = (result: Reply | RequestLost): void => {
      clearTimeout(timer);
      socket.destroy();
      if (result instanceof RequestLost) reject(result);
      else resolve(result);
    };
    const timer = setTimeout(() => settle(new RequestLost('timeout', `no answer within ${cap} ms`)), cap);
    socket.on('data', (chunk: Buffer) => {
      rest = collect(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), collected);
      if (collected.appStatus !== undefined) settle(toReply(collected));
    });
    socket.on('close', () => settle(new RequestLost('cut', 'the connection ended before the answer did')));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const refused = error.code === 'ECONNREFUSED' || error.code === 'ENOENT' || error.code === 'EAGAIN';
      settle(new RequestLost(refused ? 'refused' : 'reset', error.message));
    });
    socket.write(
      Buffer.concat([
        record(recordType.begin, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])),
        ...stream(recordType.params, encodeParams(all)),
        ...stream(recordType.stdin, content),
      ]),
    );
  });
}
