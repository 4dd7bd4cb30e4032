/** A real Apache with a configuration of the test's own. */
import { spawn } from 'node:child_process';
import { TestFolder } from './folder.ts';
import { LogLines } from './log-lines.ts';
import { adopt } from './processes.ts';
import { freePort, WebServer } from './web-server.ts';

const modules = [
  'mpm_event',
  'authz_core',
  'authz_host',
  'dir',
  'mime',
  'rewrite',
  'proxy',
  'proxy_fcgi',
  'setenvif',
];

/**
 * Starts Apache in the foreground on a free loopback port.
 *
 * @param site the text after the general part, such as a virtual host; it gets the port.
 */
export async function startApache(site: (port: number) => string): Promise<WebServer> {
  const folder = new TestFolder('hathi-apache-');
  const port = await freePort();
  const users = process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : '';
  const config = folder.write(
    'apache.conf',
    `ServerRoot ${folder.path}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder.join('apache.pid')}
ErrorLog ${folder.join('error.log')}
DefaultRuntimeDir ${folder.path}
Mutex file:${folder.path} default
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
TypesConfig /etc/mime.types
LogLevel notice
StartServers 1
${users}
<Directory />
  Require all denied
</Directory>
${site(port)}
`,
  );
  const log = LogLines.fromFile(folder.join('error.log'));
  const child = spawn('/usr/sbin/apache2', ['-D', 'FOREGROUND', '-f', config], {
    env: { ...process.env, APACHE_LOG_DIR: folder.path },
    stdio: 'ignore',
  });
  adopt(child);
  return await new WebServer(child, port, log, folder).ready(/resuming normal operations$/);
}
