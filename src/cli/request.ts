/** `hathi request`: one FastCGI request from the command line, for people, health checks and scripts. */

import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { encodeText } from '../boot/binary-text.ts';
import { type CgiHead, CgiResponseParser } from '../fastcgi/cgi-response.ts';
import { type ConnectAddress, requestFastCgi } from '../fastcgi/client.ts';
import { FastCgiError } from '../fastcgi/errors.ts';
import { UsageError } from './serve/option-values.ts';

/** Exit codes of `hathi request`. */
export const requestExit = {
  ok: 0,
  /** No connection, a lost one, an invalid response, a time-out. */
  failed: 1,
  /** With --fail: status 400 or more (curl's code for the same). */
  httpError: 22,
  /** Wrong arguments (EX_USAGE). */
  usage: 64,
} as const;

const usage = `Usage: hathi request --connect SOCKET|HOST:PORT --script FILE [options]

Sends one request to a FastCGI application (PHP-FPM, a Hathi pool) and prints its response.

  --connect ADDRESS   path of a Unix socket, HOST:PORT, [IPv6]:PORT or PORT (on 127.0.0.1)
  --script FILE       SCRIPT_FILENAME; or a page of the pool itself, such as /status
  --method METHOD     REQUEST_METHOD (default: GET, POST with --body)
  --uri URI           REQUEST_URI (default: the script's name and query)
  --query STRING      QUERY_STRING (default: what follows "?" in --uri)
  --header 'N: V'     request header; repeatable
  --param NAME=VALUE  FastCGI parameter, overrides any other; repeatable
  --body FILE         request body; "-" reads standard input
  --timeout SECONDS   give up after that time (default: 60, 0: never)
  --headers-only      print status and headers, not the body
  --body-only         print the body alone
  -v, --verbose       tell on standard error which worker of a Hathi pool served it, and whether its booted application did
                      (worker mode)
  --raw               print what the application sent, unparsed
  --fail              exit with ${requestExit.httpError} when the status is 400 or more
  --help              this text

What the application writes to FastCGI's standard error goes to standard error.
Exit codes: 0 a response was received, 1 it was not, ${requestExit.httpError} see --fail, ${requestExit.usage} wrong arguments.
`;

const optionTypes = {
  connect: { type: 'string' },
  script: { type: 'string' },
  method: { type: 'string' },
  uri: { type: 'string' },
  query: { type: 'string' },
  header: { type: 'string', multiple: true, default: [] as string[] },
  param: { type: 'string', multiple: true, default: [] as string[] },
  body: { type: 'string' },
  timeout: { type: 'string', default: '60' },
  'headers-only': { type: 'boolean', default: false },
  'body-only': { type: 'boolean', default: false },
  verbose: { type: 'boolean', short: 'v', default: false },
  raw: { type: 'boolean', default: false },
  fail: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

type Options = ReturnType<typeof parseOptions>;

export interface RequestIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * Runs `hathi request`.
 * @param args arguments after the subcommand.
 * @returns the exit code, one of {@link requestExit}.
 */
export async function requestCommand(args: string[], io: RequestIo): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.help) {
      await write(io.stdout, usage);
      return requestExit.ok;
    }
    return await run(options, io);
  } catch (error) {
    if (error instanceof UsageError) {
      await write(io.stderr, `hathi request: ${error.message}\nTry: hathi request --help\n`);
      return requestExit.usage;
    }
    if (error instanceof FastCgiError) {
      await write(io.stderr, `hathi request: ${error.message}\n`);
      return requestExit.failed;
    }
    throw error;
  }
}

function parseOptions(args: string[]) {
  try {
    return parseArgs({ args, options: optionTypes, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function run(options: Options, io: RequestIo): Promise<number> {
  if ([options['headers-only'], options['body-only'], options.raw].filter(Boolean).length > 1) {
    throw new UsageError('Cannot combine --headers-only, --body-only and --raw: choose one');
  }
  const connect = parseAddress(required(options.connect, '--connect'));
  const seconds = Number(options.timeout);
  if (!(seconds >= 0))
    throw new UsageError(`Cannot use --timeout "${options.timeout}": must be a number of seconds`);
  const body = await openBody(options.body);
  // A closed reader (`| head`) fails the write, which ends the request; the event itself adds nothing.
  io.stdout.on('error', () => {});
  const printer = new Printer(options, io.stdout);
  await requestFastCgi({
    connect,
    params: requestParams(options, body?.length),
    body: body?.chunks,
    onStdout: (chunk) => printer.take(chunk),
    onStderr: (chunk) => {
      io.stderr.write(chunk);
    },
    signal: seconds > 0 ? AbortSignal.timeout(seconds * 1000) : undefined,
  });
  const status = printer.finish();
  if (options.verbose) await write(io.stderr, servedText(printer.servedBy));
  return options.fail && status >= 400 ? requestExit.httpError : requestExit.ok;
}

/** The header in which a pool names the worker, for requests with {@link verboseParameter}. */
const servedHeader = 'x-hathi-served-by';
const verboseParameter = 'HATHI_VERBOSE';

/** The header's value in words. */
function servedText(value: string | undefined): string {
  const [, by, pid, requests] = /^(worker|classic); pid=(\d+); requests=(\d+)$/.exec(value ?? '') ?? [];
  if (by === undefined) return 'hathi request: unknown who served it: no pool of Hathi\n';
  const what =
    by === 'worker'
      ? `the booted application, request ${requests} since its boot`
      : `a script, request ${requests}`;
  return `hathi request: served by worker ${pid}: ${what}\n`;
}

/** Prints the response as it arrives, at the reader's pace. */
class Printer {
  readonly #parser = new CgiResponseParser();
  readonly #options: Options;
  readonly #out: Writable;
  #status = 0;
  /** The value of {@link servedHeader}. */
  servedBy: string | undefined;

  constructor(options: Options, out: Writable) {
    this.#options = options;
    this.#out = out;
  }

  async take(chunk: Uint8Array): Promise<void> {
    const { head, body } = this.#parser.push(chunk);
    if (head !== undefined) this.#status = head.status;
    this.servedBy ??= head?.headers.find(([name]) => name.toLowerCase() === servedHeader)?.[1];
    if (this.#options.raw) {
      await write(this.#out, chunk);
      return;
    }
    if (head !== undefined && !this.#options['body-only']) await write(this.#out, headText(head));
    if (body.length > 0 && !this.#options['headers-only']) await write(this.#out, body);
  }

  /** @returns the HTTP status. */
  finish(): number {
    this.#parser.finish();
    return this.#status;
  }
}

function headText(head: CgiHead): Buffer {
  const lines = head.headers.map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`${[`${head.status} ${head.reason}`.trim(), ...lines].join('\n')}\n\n`, 'latin1');
}

/** The parameters that a web server would send, in nginx's order; --param comes last and overrides. */
function requestParams(options: Options, contentLength: number | undefined): [string, string][] {
  const script = required(options.script, '--script');
  // A name without extension is a page of the pool, not a file.
  const page = path.posix.extname(script) === '' ? script : `/${path.posix.basename(script)}`;
  const uri = options.uri ?? `${page}${options.query ? `?${options.query}` : ''}`;
  const queryStart = uri.indexOf('?');
  // A pool's own pages (status, ping) are matched by SCRIPT_NAME, which is a path of the site.
  const scriptName = queryStart === -1 ? uri : uri.slice(0, queryStart);
  const params = new Map([
    ['QUERY_STRING', options.query ?? (queryStart === -1 ? '' : uri.slice(queryStart + 1))],
    ['REQUEST_METHOD', options.method ?? (contentLength === undefined ? 'GET' : 'POST')],
    ['CONTENT_TYPE', contentLength === undefined ? '' : 'application/x-www-form-urlencoded'],
    ['CONTENT_LENGTH', contentLength === undefined ? '' : String(contentLength)],
    ['SCRIPT_NAME', scriptName],
    ['REQUEST_URI', uri],
    ['DOCUMENT_URI', scriptName],
    ['DOCUMENT_ROOT', path.posix.dirname(script)],
    ['SERVER_PROTOCOL', 'HTTP/1.1'],
    ['REQUEST_SCHEME', 'http'],
    ['GATEWAY_INTERFACE', 'CGI/1.1'],
    ['SERVER_SOFTWARE', 'hathi-request'],
    ['REMOTE_ADDR', '127.0.0.1'],
    ['REMOTE_PORT', '0'],
    ['SERVER_ADDR', '127.0.0.1'],
    ['SERVER_PORT', '80'],
    ['SERVER_NAME', 'localhost'],
    ['SCRIPT_FILENAME', script],
    ...(options.verbose ? ([[verboseParameter, '1']] as const) : []),
  ]);
  for (const header of options.header) addHeader(params, header);
  for (const param of options.param) {
    const [name, value] = splitAt(param, '=', '--param', 'NAME=VALUE');
    params.set(name, value);
  }
  return [...params].map(([name, value]) => [encodeText(name), encodeText(value)]);
}

function addHeader(params: Map<string, string>, header: string): void {
  const [name, value] = splitAt(header, ':', '--header', "'Name: value'");
  const upper = name.trim().toUpperCase().replaceAll('-', '_');
  const own = upper === 'CONTENT_TYPE' || upper === 'CONTENT_LENGTH';
  params.set(own ? upper : `HTTP_${upper}`, value.trim());
}

function splitAt(text: string, separator: string, option: string, form: string): [string, string] {
  const index = text.indexOf(separator);
  if (index < 1) throw new UsageError(`Cannot use ${option} "${text}": must be ${form}`);
  return [text.slice(0, index), text.slice(index + 1)];
}

function parseAddress(text: string): ConnectAddress {
  if (text.includes('/')) return { path: text };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$|^(\d+)$/.exec(text);
  const port = Number(match?.[3] ?? match?.[4]);
  if (match === null || port < 1 || port > 65535) {
    const forms = 'must be the path of a socket (with a "/"), HOST:PORT, [IPv6]:PORT or PORT';
    throw new UsageError(`Cannot use --connect "${text}": ${forms}`);
  }
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}

interface Body {
  readonly length: number;
  readonly chunks: AsyncIterable<Uint8Array> | Uint8Array;
}

/** Files are streamed. Standard input and pipes are read first: CONTENT_LENGTH comes before the body. */
async function openBody(name: string | undefined): Promise<Body | undefined> {
  if (name === undefined) return undefined;
  try {
    if (name === '-') return whole(await buffer(process.stdin));
    const info = await stat(name);
    if (!info.isFile()) return whole(await readFile(name));
    if (info.size === 0) return whole(new Uint8Array(0));
    return { length: info.size, chunks: createReadStream(name, { end: info.size - 1 }) };
  } catch (error) {
    throw new UsageError(`Cannot read --body "${name}": ${(error as Error).message}`);
  }
}

function whole(bytes: Uint8Array): Body {
  return { length: bytes.length, chunks: bytes };
}

function required(value: string | undefined, option: string): string {
  if (value === undefined || value === '') throw new UsageError(`Cannot send a request without ${option}`);
  return value;
}

/** Writes and waits for the reader, so a slow reader slows the application down. */
function write(out: Writable, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
