/** The smallest request of the fault tests: does a pool still answer, alone or under load. */
import { existsSync } from 'node:fs';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { type LoadResult, startLoad } from '../harness/load.ts';
import type { Server } from '../harness/server.ts';

/** A script that answers `hello`. */
export const hello = '<?php echo "hello";';

/** Its file. Written once: a worker that compiles it while it is written anew would find it empty. */
function helloFile(server: Server): string {
  const file = server.folder.join('www/hello.php');
  return existsSync(file) ? file : server.folder.write('www/hello.php', hello);
}

/** That script's answer in a pool. @throws RequestLost without an answer within `cap` ms */
export async function ask(server: Server, pool = 'www', cap?: number): Promise<string> {
  const script = helloFile(server);
  return (await request(server.socket(pool), scriptParams(script), '', cap)).body.toString();
}

/** Lets that many clients ask the pool `www` all the time while something goes on. */
export async function loaded(
  server: Server,
  clients: number,
  during: () => Promise<void>,
): Promise<LoadResult> {
  const script = helloFile(server);
  const load = startLoad({ clients, address: server.socket(), params: scriptParams(script), body: 'hello' });
  try {
    await during();
  } finally {
    await load.stop();
  }
  return await load.stop();
}
