/** A real MariaDB with data of its own, on a free loopback port. */
import { spawn } from 'node:child_process';
import { TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { adopt } from '../harness/processes.ts';
import { run } from '../harness/server.ts';
import { freePort, WebServer } from '../harness/web-server.ts';

export const databaseUser = 'herd';
export const databasePassword = 'peanuts';

/** Starts it with an empty database `herd`, which `databaseUser` owns. */
export async function startMariaDb(): Promise<WebServer> {
  const folder = new TestFolder('hathi-mariadb-');
  const port = await freePort();
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  const small = ['--innodb-log-file-size=4M', '--innodb-buffer-pool-size=8M', '--skip-name-resolve'];
  const common = ['--no-defaults', `--datadir=${folder.join('data')}`, ...user, ...small];
  const made = await run('/usr/bin/mariadb-install-db', [
    ...common,
    '--skip-test-db',
    '--auth-root-authentication-method=normal',
  ]);
  if (made.code !== 0) throw new Error(`cannot make a database: ${made.stdout}${made.stderr}`);
  const init = folder.write(
    'init.sql',
    `CREATE DATABASE herd;
GRANT ALL ON herd.* TO '${databaseUser}'@'127.0.0.1' IDENTIFIED BY '${databasePassword}';
GRANT ALL ON herd.* TO '${databaseUser}'@'localhost' IDENTIFIED BY '${databasePassword}';\n`,
  );
  const child = spawn(
    '/usr/sbin/mariadbd',
    [
      ...common,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${folder.join('socket')}`,
      `--pid-file=${folder.join('pid')}`,
      '--max-allowed-packet=64M',
      `--init-file=${init}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  adopt(child);
  return await new WebServer(child, port, LogLines.fromStream(child.stderr), folder).ready(
    /ready for connections/,
  );
}
