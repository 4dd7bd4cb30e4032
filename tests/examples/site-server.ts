/**
 * The server of the example site's tests: `hathi serve`; with HATHI_TEST_SERVER=php-fpm, Hathi's front before Debian's
 * php-fpm, which validates the site and its tests.
 */
import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { startFront } from '../../src/http/front.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { poolText } from '../harness/pool.ts';
import { adopt, exited, killTree } from '../harness/processes.ts';
import { cleanEnv, isRoot, serverCommand, serverKind, startServer } from '../harness/server.ts';
import { within } from '../harness/waiting.ts';

/** The example site in the checkout. */
export const exampleSite = join(checkout, 'examples/site');

export interface RunningSite {
  readonly url: string;
  readonly port: number;
  /** Address of the dashboard with its token; only `hathi serve` has one. */
  readonly dashboard: string | undefined;
  /** Name of the pool. */
  readonly pool: string;
  stop(): Promise<void>;
}

/** Serves a copy of the site, which `copy` puts into the folder that it is given; PHP may write there. */
export function startSite(copy: (folder: string) => void): Promise<RunningSite> {
  return serverKind === 'hathi' ? startServe(copy) : startReference(copy);
}

async function startServe(copy: (folder: string) => void): Promise<RunningSite> {
  const folder = new TestFolder('hathi-site-');
  copy(folder.mkdir('site'));
  // Stands for the right of the site's owner to make the data folder.
  chmodSync(folder.join('site'), 0o777);
  const user = isRoot ? ['--user', 'www-data'] : [];
  const args = ['serve', folder.join('site/public'), '--port', '0', '--no-color', ...user];
  const child = spawn(serverCommand('hathi'), args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: cleanEnv(),
  });
  adopt(child);
  const lines = LogLines.fromStream(child.stdout);
  const ended = exited(child).then(() => {
    throw new Error(`hathi serve ended before it was ready:\n${lines.text()}`);
  });
  const line = await Promise.race([lines.waitFor(/http:\/\/127\.0\.0\.1:\d+$/, 0, 30_000), ended]).catch(
    async (error) => {
      await killTree(child);
      folder[Symbol.dispose]();
      throw error;
    },
  );
  ended.catch(() => {});
  const url = line.trim();
  const shown = await lines.waitFor(/^ +Dashboard +http/);
  return {
    url,
    dashboard: shown.trim().split(/ +/)[1],
    port: Number(new URL(url).port),
    pool: 'serve',
    async stop() {
      child.kill('SIGTERM');
      await within(exited(child), 'the end of hathi serve').finally(() => killTree(child));
      lines.close();
      folder[Symbol.dispose]();
      if (child.exitCode !== 0)
        throw new Error(`hathi serve ended with ${child.exitCode ?? child.signalCode}`);
    },
  };
}

async function startReference(copy: (folder: string) => void): Promise<RunningSite> {
  const server = await startServer({
    kind: 'php-fpm',
    pools: (folder) => {
      copy(folder.mkdir('site'));
      // Stands for the right of the site's owner to make the data folder.
      chmodSync(folder.join('site'), 0o777);
      const sessions = folder.mkdir('sessions', 0o777);
      return poolText(folder, 'www', `php_value[session.save_path] = ${sessions}`);
    },
  });
  const front = await startFront({
    docroot: server.folder.join('site/public'),
    host: '127.0.0.1',
    port: 0,
    connect: { path: server.folder.join('run/www.sock') },
  });
  return {
    url: front.url,
    dashboard: undefined,
    port: front.port,
    pool: 'www',
    async stop() {
      await front.stop();
      await server[Symbol.asyncDispose]();
    },
  };
}
