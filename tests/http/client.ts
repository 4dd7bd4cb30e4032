/** HTTP for tests, with everything that `fetch` hides: raw bytes, unread bodies, aborted requests. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { within } from '../harness/waiting.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Question extends RequestOptions {
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** One request on a connection of its own, the path sent as it stands. */
export async function ask(port: number, path: string, { body, ...options }: Question = {}): Promise<Answer> {
  const asked = request({ host: '127.0.0.1', port, path, agent: false, ...options });
  // A body may be refused before its end; the answer counts then.
  asked.on('error', () => {});
  const responding = once(asked, 'response') as Promise<[import('node:http').IncomingMessage]>;
  responding.catch(() => {});
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) asked.end(body);
  else await sendPieces(asked, body);
  const [response] = await within(responding, `an answer to ${path}`);
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) };
}

async function sendPieces(
  asked: import('node:http').ClientRequest,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const piece of body) if (!asked.write(piece)) await once(asked, 'drain');
  asked.end();
}

/** Sends bytes as they stand and returns all that comes back until the server closes. */
export async function sendRaw(port: number, text: string): Promise<string> {
  const socket = await dial(port);
  socket.write(text, 'latin1');
  const pieces: Buffer[] = [];
  socket.on('data', (piece) => pieces.push(piece));
  await within(once(socket, 'close'), 'the server to close the connection');
  return Buffer.concat(pieces).toString('latin1');
}

/** An open connection to the server. */
export async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}
