/** Requests as a web server sends them, and clients that send them one after the other. */
import { encodeRequest } from '../../tests/engine/plain-fastcgi.ts';
import { Connection } from './connection.ts';
import { median, quantile } from './statistics.ts';

/** Parameters of a script by nginx's fastcgi_params and a browser's headers. */
function browserParams(script: string, more: Readonly<Record<string, string>>): [string, string][] {
  const name = `/${script.split('/').pop() ?? ''}`;
  return Object.entries({
    QUERY_STRING: '',
    REQUEST_METHOD: 'GET',
    CONTENT_TYPE: '',
    CONTENT_LENGTH: '',
    SCRIPT_NAME: name,
    REQUEST_URI: name,
    DOCUMENT_URI: name,
    DOCUMENT_ROOT: script.slice(0, -name.length),
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_SCHEME: 'http',
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'nginx/1.22.1',
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_PORT: '40000',
    SERVER_ADDR: '127.0.0.1',
    SERVER_PORT: '80',
    SERVER_NAME: 'localhost',
    REDIRECT_STATUS: '200',
    SCRIPT_FILENAME: script,
    HTTP_HOST: 'localhost',
    HTTP_USER_AGENT: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0',
    HTTP_ACCEPT: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    HTTP_ACCEPT_LANGUAGE: 'en-US,en;q=0.5',
    HTTP_ACCEPT_ENCODING: 'gzip, deflate, br',
    ...more,
  });
}

export interface RequestOptions {
  /** Beside or instead of a browser's GET. */
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** FCGI_KEEP_CONN. */
  readonly keep?: boolean;
}

/** The bytes of a whole request for a script, given by its absolute path. */
export function requestBytes(
  script: string,
  { params = {}, body, keep = true }: RequestOptions = {},
): Buffer {
  const length = body === undefined ? {} : { CONTENT_LENGTH: String(body.length), REQUEST_METHOD: 'POST' };
  const head = { params: browserParams(script, { ...length, ...params }), keep };
  return encodeRequest(body === undefined ? head : { ...head, body });
}

/** A repeated request. */
export interface Stream {
  /** Path of the Unix socket. */
  readonly socket: string;
  readonly request: Buffer;
  /** How a right answer ends. */
  readonly ending: string;
  readonly clients: number;
  /** One connection for all requests of a client, or one for each. */
  readonly keep: boolean;
  readonly seconds: number;
}

export interface Rate {
  /** Requests that were answered. */
  readonly count: number;
  readonly perSecond: number;
  /** Milliseconds a request, as a client sees it. */
  readonly median: number;
  readonly p99: number;
}

/**
 * Every client sends its next request when its last one was answered, for the given time and at least once.
 *
 * @throws Error on an answer that does not end as it should
 */
export async function sendStream(stream: Stream): Promise<Rate> {
  const times: number[] = [];
  const begin = performance.now();
  const end = begin + stream.seconds * 1000;
  const client = async (): Promise<void> => {
    let connection: Connection | undefined;
    do {
      const sent = performance.now();
      connection ??= await Connection.open(stream.socket);
      const { tail } = await connection.exchange(stream.request);
      times.push(performance.now() - sent);
      if (!tail.endsWith(stream.ending)) throw new Error(`a wrong answer, ending in ${JSON.stringify(tail)}`);
      if (stream.keep) continue;
      connection[Symbol.dispose]();
      connection = undefined;
    } while (performance.now() < end);
    connection?.[Symbol.dispose]();
  };
  await Promise.all(Array.from({ length: stream.clients }, client));
  return {
    count: times.length,
    perSecond: (times.length / (performance.now() - begin)) * 1000,
    median: median(times),
    p99: quantile(times, 0.99),
  };
}

/** One request on a connection of its own; milliseconds until it was answered. */
export async function timeOnce(socket: string, request: Buffer, ending: string): Promise<number> {
  const sent = performance.now();
  using connection = await Connection.open(socket);
  const { tail } = await connection.exchange(request);
  if (!tail.endsWith(ending)) throw new Error(`a wrong answer, ending in ${JSON.stringify(tail)}`);
  return performance.now() - sent;
}
