/** A real Caddy with a configuration of the test's own. */
import { spawn } from 'node:child_process';
import { TestFolder } from './folder.ts';
import { LogLines } from './log-lines.ts';
import { adopt } from './processes.ts';
import { freePort, WebServer } from './web-server.ts';

/**
 * Starts Caddy in the foreground on a free loopback port, without its admin address.
 *
 * @param site the text of the site's block.
 */
export async function startCaddy(site: string): Promise<WebServer> {
  const folder = new TestFolder('hathi-caddy-');
  const port = await freePort();
  const config = folder.write(
    'Caddyfile',
    `{\n\tadmin off\n\tauto_https off\n}\nhttp://127.0.0.1:${port} {\n\tbind 127.0.0.1\n${site}\n}\n`,
  );
  const child = spawn('/usr/bin/caddy', ['run', '--config', config, '--adapter', 'caddyfile'], {
    env: { ...process.env, HOME: folder.path, XDG_DATA_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  adopt(child);
  return await new WebServer(child, port, LogLines.fromStream(child.stderr), folder).ready(
    /serving initial configuration/,
  );
}
