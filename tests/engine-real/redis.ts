/** A real Redis that keeps nothing, on a free loopback port and on a Unix socket. */
import { spawn } from 'node:child_process';
import { TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { adopt } from '../harness/processes.ts';
import { freePort, WebServer } from '../harness/web-server.ts';

export async function startRedis(): Promise<WebServer> {
  const folder = new TestFolder('hathi-redis-');
  const port = await freePort();
  const socket = ['--unixsocket', folder.join('redis.sock'), '--unixsocketperm', '777'];
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', ...socket, '--save', '', '--dir', folder.path];
  const child = spawn('/usr/bin/redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  adopt(child);
  return await new WebServer(child, port, LogLines.fromStream(child.stdout), folder).ready(
    /Ready to accept connections/,
  );
}
