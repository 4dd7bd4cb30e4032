/** Small PHP programs of a test, run by a pool of a real master. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import type { Server } from '../harness/server.ts';

/** How a program is run. */
export interface RunOptions {
  readonly pool?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** Writes the program to a file of its own below `www` and returns the path; equal code has the same file. */
export function script(server: Server, code: string): string {
  const name = createHash('md5').update(code).digest('hex').slice(0, 12);
  const path = server.folder.join(`www/${name}.php`);
  return existsSync(path) ? path : server.folder.write(`www/${name}.php`, `<?php ${code}`);
}

/** Runs a program as a request of the pool (`www` unless told otherwise). */
export async function run(server: Server, code: string, options: RunOptions = {}): Promise<Reply> {
  const params = scriptParams(script(server, code), options.params);
  return await request(server.socket(options.pool), params, options.body);
}

/** Output of a program. */
export async function text(server: Server, code: string, options: RunOptions = {}): Promise<string> {
  return (await run(server, code, options)).body.toString('latin1');
}

/** Output of a program as JSON. */
export async function json(server: Server, code: string, options: RunOptions = {}): Promise<unknown> {
  const said = await text(server, code, options);
  try {
    return JSON.parse(said);
  } catch {
    throw new Error(`the script did not print JSON but: ${said}`);
  }
}
