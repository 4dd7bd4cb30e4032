/** Client of a master's admin endpoint, over its Unix socket or TCP. */
import { statSync } from 'node:fs';
import type { IncomingHttpHeaders, RequestOptions } from 'node:http';
import { dirname } from 'node:path';
import { lookupUser } from '../posix/users.ts';

// An import would load Node's WebSocket client with it: 2 MB, and seven eighths of the time that it takes.
const { request } = process.getBuiltinModule('node:http');

/** Address of an admin endpoint: the path of a Unix socket, or host and port. */
export type AdminAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** No connection, no answer in time, or an invalid answer; the message says which. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  /** The master was asked but did not answer in time. */
  readonly isLate: boolean;
  /** The master answered, possibly with a refusal. */
  readonly isAnswer: boolean;

  constructor(text: string, kind?: 'late' | 'answer') {
    super(text);
    this.isLate = kind === 'late';
    this.isAnswer = kind === 'answer';
  }
}

/** Why a Unix socket is unusable; for a lack of rights, which users have them. */
export function deniedTo(path: string, error: unknown): AdminError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM')
    return new AdminError(`Cannot ask the master at "${path}": ${message}`);
  const owner = ownerOf(path) ?? ownerOf(dirname(path));
  const who = owner === undefined || owner === 'root' ? 'root' : `${owner} and root`;
  const you = userName(process.geteuid?.() ?? 0);
  return new AdminError(
    `Cannot ask the master at "${path}": only ${who} may, and you are ${you}. Ask as ${owner ?? 'root'}, for example by sudo, or configure admin.listen with an admin.token`,
  );
}

function ownerOf(path: string): string | undefined {
  try {
    return userName(statSync(path).uid);
  } catch {
    // Only the owner may even stat it.
    return undefined;
  }
}

function userName(uid: number): string {
  return lookupUser(uid)?.name ?? `uid ${uid}`;
}

/** A longer answer is refused: 500 workers take about 2 MB. */
const answerLimit = 32 * 1024 * 1024;

/**
 * Reads `--connect`: `/path`, `HOST:PORT`, `[IPv6]:PORT` or `PORT` on 127.0.0.1.
 * @throws {AdminError} for anything else.
 */
export function parseAdminAddress(text: string): AdminAddress {
  if (text.includes('/')) return { path: text };
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65535) {
    throw new AdminError(`Cannot connect to "${text}": must be the path of a socket, HOST:PORT or PORT`);
  }
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}

export interface AdminText {
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export interface AskOptions {
  /** Default: GET. */
  readonly method?: 'GET' | 'POST';
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  /** Time limit in milliseconds. */
  readonly timeout?: number;
}

/**
 * Sends one request and parses the JSON answer.
 * @throws {AdminError}
 */
export async function askAdmin(
  address: AdminAddress,
  path: string,
  options: AskOptions = {},
): Promise<unknown> {
  const { body } = await askAdminText(address, path, options);
  try {
    return JSON.parse(body);
  } catch {
    throw new AdminError(`Cannot read the answer to "${path}": must be JSON`, 'answer');
  }
}

/**
 * Sends one request and returns the answer unparsed.
 * @throws {AdminError}
 */
export async function askAdminText(
  address: AdminAddress,
  path: string,
  options: AskOptions = {},
): Promise<AdminText> {
  const { status, ...answer } = await exchange(address, path, options);
  if (status >= 200 && status <= 299) return answer;
  const why = reason(answer.body);
  throw new AdminError(
    `Cannot use the admin endpoint: "${path}" was answered with status ${status}${why === '' ? '' : `: ${why}`}`,
    'answer',
  );
}

/** The reason in an error answer of the endpoint; '' for other answers. */
function reason(body: string): string {
  try {
    const { error } = JSON.parse(body) as { readonly error?: unknown };
    return typeof error === 'string' ? error : '';
  } catch {
    return '';
  }
}

function exchange(
  address: AdminAddress,
  path: string,
  { method = 'GET', token, timeout = 5000 }: AskOptions,
): Promise<AdminText & { readonly status: number }> {
  const to: RequestOptions =
    'path' in address ? { socketPath: address.path } : { host: address.host, port: address.port };
  const headers = { host: 'localhost', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  return new Promise((resolve, reject) => {
    const where = 'path' in address ? address.path : `${address.host}:${address.port}`;
    const fail = (error: Error) =>
      reject(
        'path' in address
          ? deniedTo(address.path, error)
          : new AdminError(`Cannot ask the master at "${where}": ${error.message}`),
      );
    const late = () =>
      reject(new AdminError(`Cannot ask the master at "${where}": no answer within ${timeout} ms`, 'late'));
    const signal = AbortSignal.timeout(timeout);
    const asked = request({ ...to, method, path, headers, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > answerLimit) asked.destroy(new Error(`the answer is longer than ${answerLimit} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', (error) => (signal.aborted ? late() : fail(error)));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
      });
    });
    asked.on('error', (error) => (signal.aborted ? late() : fail(error)));
    asked.end();
  });
}
