/** A FastCGI application for tests: answers with a function instead of PHP, on a Unix socket. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { ServerConnection, type ServerRequest } from '../../src/fastcgi/server.ts';
import { TestFolder } from '../harness/folder.ts';

export interface Application extends AsyncDisposable {
  readonly socket: string;
  readonly folder: TestFolder;
}

/** Starts it, at `path` or in a folder of its own; `answer` gets each request and has to end it. */
export async function startApplication(
  answer: (request: ServerRequest) => void,
  path?: string,
): Promise<Application> {
  const folder = new TestFolder('hathi-app-');
  const socket = path ?? folder.join('app.sock');
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    open.add(connection);
    connection.on('close', () => open.delete(connection));
    new ServerConnection(connection, { onRequest: answer, onProtocolError: () => {}, onClose: () => {} });
  });
  server.listen(socket);
  await once(server, 'listening');
  return {
    socket,
    folder,
    async [Symbol.asyncDispose]() {
      for (const connection of open) connection.destroy();
      server.close();
      await once(server, 'close');
      folder[Symbol.dispose]();
    },
  };
}

/** Answers with a header and a body and ends the request. */
export function reply(request: ServerRequest, text: string): void {
  request.write(Buffer.from(text, 'latin1'));
  request.end();
}

/** Reads the body to its end. */
export function bodyOf(request: ServerRequest): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  return new Promise((resolve) => {
    request.readBody(
      (bytes) => pieces.push(Buffer.from(bytes)),
      () => resolve(Buffer.concat(pieces)),
    );
  });
}
