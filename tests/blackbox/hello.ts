/** The smallest request of the fault tests: does a pool still answer, alone or under load. */
import { existsSync } from 'node:fs';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { type LoadResult, startLoad } from '../harness/load.ts';
import type { Server } from '../harness/server.ts';

/** A script that answers `hello`. */
export const hello = '<?php echo "hello";';

/** A script of a load, which is always under way and leaves the machine to the others. */
export const slowHello = '<?php usleep(5000); echo "hello";';

/** A file of that name. Written once: a worker that compiles it while it is written anew would find it empty. */
function scriptFile(server: Server, name: string, code: string): string {
  const file = server.folder.join(`www/${name}`);
  return existsSync(file) ? file : server.folder.write(`www/${name}`, code);
}

/** That script's answer in a pool. @throws RequestLost without an answer within `cap` ms */
export async function ask(server: Server, pool = 'www', cap?: number): Promise<string> {
  const script = scriptFile(server, 'hello.php', hello);
  return (await request(server.socket(pool), scriptParams(script), '', cap)).body.toString();
}

/** Lets that many clients ask the pool `www` all the time while something goes on. */
export async function loaded(
  server: Server,
  clients: number,
  during: () => Promise<void>,
): Promise<LoadResult> {
  const script = scriptFile(server, 'load.php', slowHello);
  const load = startLoad({ clients, address: server.socket(), params: scriptParams(script), body: 'hello' });
  try {
    await during();
  } finally {
    await load.stop();
  }
  return await load.stop();
}
