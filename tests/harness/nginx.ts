/** A real nginx with a configuration of the test's own. */
import { spawn } from 'node:child_process';
import { TestFolder } from './folder.ts';
import { LogLines } from './log-lines.ts';
import { adopt } from './processes.ts';
import { freePort, WebServer } from './web-server.ts';

/**
 * Starts nginx in the foreground on a free loopback port.
 *
 * @param http the text inside `http { }`; it gets the port to listen on.
 */
export async function startNginx(http: (port: number) => string): Promise<WebServer> {
  const folder = new TestFolder('hathi-nginx-');
  // nginx gives the folders for bodies and answers to its own user when it creates them, so it must create them.
  const temporary = ['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi']
    .map((name) => `${name}_temp_path ${folder.join(name)};`)
    .join('\n');
  const port = await freePort();
  const user = process.getuid?.() === 0 ? 'user www-data;' : '';
  const config = folder.write(
    'nginx.conf',
    `${user}
daemon off;
worker_processes 2;
pid ${folder.join('nginx.pid')};
error_log stderr notice;
events { worker_connections 512; }
http {
include /etc/nginx/mime.types;
default_type application/octet-stream;
access_log off;
${temporary}
${http(port)}
}
`,
  );
  const child = spawn('/usr/sbin/nginx', ['-p', folder.path, '-c', config, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  adopt(child);
  return await new WebServer(child, port, LogLines.fromStream(child.stderr), folder).ready(
    /start worker process \d+$/,
  );
}
