/**
 * Feeds a connection's input to Node's parser in small pieces. Node parses everything it has read at once (64 KiB, or
 * 1300 requests of a pipelining client) before the connection can be closed: 300 such clients blocked the master for
 * seconds.
 */

import type { Socket } from 'node:net';

/**
 * Call it when the server has the connection.
 *
 * @param bytes maximum parsed before the next check whether the connection is still served
 */
export function parseInPieces(socket: Socket, bytes: number): void {
  // node:http's own listener; any additional listener makes Node deliver data through the event.
  const [parse] = socket.listeners('data') as ((this: Socket, chunk: Buffer) => void)[];
  if (parse === undefined) return;
  socket.removeListener('data', parse);
  socket.on('data', (chunk: Buffer) => {
    for (let from = 0; from < chunk.length && !socket.destroyed; from += bytes) {
      // Node has paused it until answers are read, and accepts no more before that.
      if (socket.isPaused()) return void socket.unshift(chunk.subarray(from));
      parse.call(socket, chunk.subarray(from, from + bytes));
    }
  });
}
