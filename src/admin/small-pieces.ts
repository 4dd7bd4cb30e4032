/**
 * Gives what a connection sends to Node's parser a little at a time. Node parses all that it has read at once, 64 KiB or
 * 1300 requests of a client that pipelines, before anybody can end the connection: 300 such clients kept the master from
 * everything else for seconds.
 */

import type { Socket } from 'node:net';

/**
 * To be called when the server has the connection.
 *
 * @param bytes most that is parsed before it is looked whether the connection still is to be served
 */
export function parseInPieces(socket: Socket, bytes: number): void {
  // What node:http listens with; a listener of anybody else makes it take what was read from the event.
  const [parse] = socket.listeners('data') as ((this: Socket, chunk: Buffer) => void)[];
  if (parse === undefined) return;
  socket.removeListener('data', parse);
  socket.on('data', (chunk: Buffer) => {
    for (let from = 0; from < chunk.length && !socket.destroyed; from += bytes) {
      // Node has paused it until answers are taken, and wants no more of it before that.
      if (socket.isPaused()) return void socket.unshift(chunk.subarray(from));
      parse.call(socket, chunk.subarray(from, from + bytes));
    }
  });
}
