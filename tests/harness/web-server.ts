/** Common parts of the tests' real web servers: a free port, a foreground child, an end. */
import type { ChildProcess } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import type { TestFolder } from './folder.ts';
import type { LogLines } from './log-lines.ts';
import { exited, killTree } from './processes.ts';
import { within } from './waiting.ts';

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A running web server. */
export class WebServer implements AsyncDisposable {
  readonly port: number;
  readonly log: LogLines;
  readonly #child: ChildProcess;
  readonly #folder: TestFolder;

  constructor(child: ChildProcess, port: number, log: LogLines, folder: TestFolder) {
    this.#child = child;
    this.port = port;
    this.log = log;
    this.#folder = folder;
  }

  /** Process id of the server's first process. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the web server was not started');
    return this.#child.pid;
  }

  /** URL of a path. */
  url(path = '/'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** Waits for the line of readiness; fails at once when the server ends first. */
  async ready(pattern: RegExp): Promise<this> {
    const ended = exited(this.#child).then(() => {
      throw new Error(`the web server ended before it was ready:\n${this.log.text()}`);
    });
    try {
      await Promise.race([this.log.waitFor(pattern), ended]);
      return this;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await within(exited(this.#child), 'the end of the web server').catch(() => undefined);
    await killTree(this.#child);
    this.log.close();
    this.#folder[Symbol.dispose]();
  }
}
