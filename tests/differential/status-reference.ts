/** A php-fpm of the distribution, started for one test file with its own configuration, and a client for it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { phpFpm } from '../harness/debian.ts';

/** Reason to skip, or false. */
export const referenceMissing: string | false = existsSync(phpFpm) ? false : `${phpFpm} is not installed`;

export interface ReferenceAnswer {
  /** Header block with its empty line. */
  readonly head: string;
  /** Binary string. */
  readonly body: string;
}

export class Reference {
  readonly folder: string;
  readonly #child: ChildProcess;

  constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
  }

  /** Two static workers, status on /status, ping on /ping; resolves when it takes connections. */
  static async start(scripts: Readonly<Record<string, string>>): Promise<Reference> {
    const folder = mkdtempSync(join(tmpdir(), 'hathi-reference-'));
    chmodSync(folder, 0o755);
    const configuration = join(folder, 'php-fpm.conf');
    const user = process.getuid?.() === 0 ? ['user = www-data', 'group = www-data'] : [];
    const pool = ['listen = fpm.sock', `prefix = ${folder}`, 'pm = static', 'pm.max_children = 2'];
    const pages = ['pm.status_path = /status', 'ping.path = /ping', 'php_admin_flag[expose_php] = off'];
    writeFileSync(
      configuration,
      [
        '[global]',
        'daemonize = no',
        `error_log = ${join(folder, 'error.log')}`,
        '[www]',
        ...user,
        ...pool,
        ...pages,
        '',
      ].join('\n'),
    );
    for (const [name, text] of Object.entries(scripts)) writeFileSync(join(folder, name), text);
    const child = spawn(phpFpm, ['-F', '-n', '-y', configuration], { stdio: 'ignore' });
    const reference = new Reference(folder, child);
    try {
      await untilReady(child, join(folder, 'error.log'));
    } catch (error) {
      if (child.exitCode === null) await reference.stop();
      throw error;
    }
    return reference;
  }

  /** Runs one request; strings are binary strings. */
  async request(script: string, parameters: Readonly<Record<string, string>> = {}): Promise<ReferenceAnswer> {
    const socket = connect(join(this.folder, 'fpm.sock'));
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.end(
      encodeRequest({
        REQUEST_METHOD: 'GET',
        SCRIPT_NAME: script,
        SCRIPT_FILENAME: `${this.folder}${script}`,
        QUERY_STRING: '',
        ...parameters,
      }),
    );
    await once(socket, 'close');
    const output = stdout(Buffer.concat(received));
    const end = output.indexOf('\r\n\r\n') + 4;
    return { head: output.slice(0, end), body: output.slice(end) };
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
    rmSync(this.folder, { recursive: true });
  }
}

/** The log says when; its stderr does not in every start. The deadline is for a reference that hangs. */
async function untilReady(child: ChildProcess, log: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  writeFileSync(log, '');
  const look = (): void => {
    if (readFileSync(log, 'utf8').includes('ready to handle connections')) resolve();
  };
  const watcher = watch(log, look);
  const deadline = setTimeout(() => reject(new Error(`${phpFpm} is not ready after 10 s`)), 10_000);
  child.once('exit', () => reject(new Error(`cannot start ${phpFpm}: ${readFileSync(log, 'utf8')}`)));
  try {
    await promise;
  } finally {
    clearTimeout(deadline);
    watcher.close();
  }
}

function record(type: number, content: Buffer): Buffer {
  const header = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 0xff, 0, 0]);
  return Buffer.concat([header, content]);
}

function encodeRequest(parameters: Readonly<Record<string, string>>): Buffer {
  const length = (value: Buffer): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(0x80000000 + value.length);
    return bytes;
  };
  const pairs = Object.entries(parameters).flatMap(([name, value]) => {
    const [nameBytes, valueBytes] = [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')];
    return [length(nameBytes), length(valueBytes), nameBytes, valueBytes];
  });
  const begin = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]);
  const empty = Buffer.alloc(0);
  return Buffer.concat([
    record(1, begin),
    record(4, Buffer.concat(pairs)),
    record(4, empty),
    record(5, empty),
  ]);
}

/** Contents of the STDOUT records. */
function stdout(bytes: Buffer): string {
  let output = '';
  for (let offset = 0; offset + 8 <= bytes.length; ) {
    const length = bytes.readUInt16BE(offset + 4);
    if (bytes[offset + 1] === 6) output += bytes.toString('latin1', offset + 8, offset + 8 + length);
    offset += 8 + length + bytes[offset + 6]!;
  }
  return output;
}
