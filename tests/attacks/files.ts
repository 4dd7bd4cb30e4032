/** The user of a pool swaps names in a folder of its own, all the time, while the master works with them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { adopt, exited } from '../harness/processes.ts';
import type { Server } from '../harness/server.ts';
import { type Attack, Tally } from './attack.ts';

const userId = 33;
const swaps = (path: string, secret: string): string => `
  mv -fT ${path} ${path}.x; ln -sfT ${secret} ${path}; rm -f ${path}; mkfifo ${path}; rm -f ${path}
  ln -sfT /dev/zero ${path}; mv -fT ${path}.x ${path}`;

function ownFolder(folder: TestFolder): string {
  const path = folder.mkdir('owned', 0o755);
  chownSync(path, userId, userId);
  return path;
}

/** Runs the swaps until it is killed; nothing of it can tell more than the state of the files afterwards. */
function swapper(server: Server, names: readonly string[], secret: string): ChildProcess {
  const all = names.map((name) => swaps(server.folder.join(`owned/${name}`), secret)).join('\n');
  const rights = ['--reuid=www-data', '--regid=www-data', '--clear-groups'];
  const script = `cd /; while :; do ${all}\n sleep 0.003; done 2>/dev/null`;
  const child = spawn('setpriv', [...rights, 'sh', '-c', script], { stdio: 'ignore' });
  adopt(child);
  return child;
}

/** Owner, mode and content of a file that is root's alone. */
function state(path: string): string {
  const { uid, gid, mode } = statSync(path);
  return `${uid}:${gid} ${(mode & 0o777).toString(8)} ${readFileSync(path, 'latin1')}`;
}

async function settle(server: Server, from: number): Promise<string> {
  const line = await server.log.waitFor(
    /ready to handle connections|reload refused|reload is partial/,
    from,
    30_000,
  );
  return /refused/.test(String(line)) ? 'refused' : 'done';
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const end = once(child, 'exit');
  child.kill('SIGKILL');
  await end;
  await exited(child);
}

export const socketNames: Attack = {
  what: 'the socket’s name is swapped for links, FIFOs and nothing, at reloads that change its mode',
  engine: 'native',
  pool: (folder) => `listen = ${ownFolder(folder)}/www.sock`,
  run: async ({ server, admin, goesOn }) => {
    const tally = new Tally();
    const secret = server.folder.write('secret', 'root only', 0o600);
    const before = state(secret);
    const child = swapper(server, ['www.sock'], secret);
    for (let turn = 0; goesOn(); turn++) {
      const mode = turn % 2 === 0 ? '0666' : '0660';
      const lines = `listen = ${server.folder.join('owned/www.sock')}\nlisten.mode = ${mode}`;
      server.configure(
        (to) =>
          `admin.listen = ${admin}\n${poolText(to, 'www', lines)}${poolText(to, 'other', 'user = nobody\ngroup = nogroup\npm.max_children = 2')}`,
      );
      const from = server.log.mark();
      server.signal('SIGUSR2');
      tally.add(`reloads ${await settle(server, from)}`);
    }
    await ended(child);
    return { ...tally.counts, 'file of root': state(secret) === before ? 'untouched' : 'CHANGED' };
  },
};

export const logNames: Attack = {
  what: 'the names of access log and slow log are swapped at USR1 and while they are written',
  engine: 'native',
  pool: (folder) => {
    const own = ownFolder(folder);
    return `access.log = ${own}/access\nslowlog = ${own}/slow\nrequest_slowlog_timeout = 1\npm.max_children = 4`;
  },
  run: async ({ server, goesOn }) => {
    const tally = new Tally();
    const secret = server.folder.write('secret', 'root only', 0o600);
    const before = state(secret);
    const child = swapper(server, ['access', 'slow'], secret);
    const script = server.folder.write('www/slow.php', '<?php usleep(1200000); echo 1;');
    const asking = Array.from({ length: 4 }, async () => {
      while (goesOn()) {
        const { body } = await request(server.socket(), scriptParams(script));
        tally.add(body.toString() === '1' ? 'slow requests answered' : 'slow requests NOT answered');
      }
    });
    while (goesOn()) {
      server.signal('SIGUSR1');
      tally.add('USR1');
      await sleep(20);
    }
    await Promise.all(asking);
    await ended(child);
    return { ...tally.counts, 'file of root': state(secret) === before ? 'untouched' : 'CHANGED' };
  },
};
