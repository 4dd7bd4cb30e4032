/** A real HAProxy with a configuration of the test's own, and the servers' state from its runtime API. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { debianPackages } from './debian.ts';
import { TestFolder } from './folder.ts';
import { LogLines } from './log-lines.ts';
import { adopt } from './processes.ts';
import { poll } from './waiting.ts';
import { freePort, WebServer } from './web-server.ts';

/** A row of `show stat`: HAProxy's view of a server. */
export interface BackendServer {
  readonly name: string;
  /** `UP`, `DRAIN (agent)`, `MAINT` and so on. */
  readonly status: string;
  readonly weight: number;
  /** How often a request to it was tried again. */
  readonly retries: number;
}

/** The servers of all backends, asked at the socket of the runtime API. */
export async function serversOf(socket: string): Promise<readonly BackendServer[]> {
  const [heading = '', ...rows] = (await command(socket, 'show stat')).trim().split('\n');
  const columns = heading.replace(/^# /, '').split(',');
  const cell = (row: string, name: string) => row.split(',')[columns.indexOf(name)] ?? '';
  return rows
    .filter((row) => !['FRONTEND', 'BACKEND'].includes(cell(row, 'svname')))
    .map((row) => ({
      name: cell(row, 'svname'),
      status: cell(row, 'status'),
      weight: Number(cell(row, 'weight')),
      retries: Number(cell(row, 'wretr')),
    }));
}

export class Haproxy extends WebServer {
  readonly #socket: string;

  constructor(socket: string, ...parts: ConstructorParameters<typeof WebServer>) {
    super(...parts);
    this.#socket = socket;
  }

  /** Current servers of all backends. */
  servers(): Promise<readonly BackendServer[]> {
    return serversOf(this.#socket);
  }

  /** Waits until a server satisfies the test. */
  async server(name: string, isWanted: (server: BackendServer) => boolean): Promise<BackendServer> {
    let last: readonly BackendServer[] = [];
    try {
      return await poll(`the wanted state of ${name}`, async () => {
        last = await this.servers();
        return last.find((server) => server.name === name && isWanted(server));
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(last)}`);
    }
  }
}

/**
 * Starts HAProxy in the foreground.
 *
 * @param site frontends and backends; it gets a free loopback port
 */
export async function startHaproxy(site: (port: number) => string): Promise<Haproxy> {
  const folder = new TestFolder('hathi-haproxy-');
  const port = await freePort();
  const socket = folder.join('haproxy.sock');
  const config = folder.write(
    'haproxy.cfg',
    `global
  stats socket ${socket} mode 600 level admin
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${site(port)}
`,
  );
  const child = spawn(debianPackages.haproxy.probe, ['-db', '-f', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  adopt(child);
  const log = LogLines.fromStream(child.stderr!);
  const haproxy = new Haproxy(socket, child, port, log, folder);
  try {
    await poll('HAProxy to answer', () => haproxy.servers().catch(() => undefined));
    return haproxy;
  } catch (error) {
    const said = log.text();
    await haproxy[Symbol.asyncDispose]();
    throw new Error(`${(error as Error).message}:\n${said}`);
  }
}

/** One command of the runtime API (HAProxy management guide, 9.3). */
function command(path: string, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  const socket = connect(path, () => socket.end(`${text}\n`));
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', reject);
  socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
  return promise;
}
