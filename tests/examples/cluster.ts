/** examples/cluster at work: its machines, what is done to them, and what its own HAProxy says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, TestFolder } from '../harness/folder.ts';
import { type BackendServer, serversOf } from '../harness/haproxy.ts';
import { LogLines } from '../harness/log-lines.ts';
import { adopt, exited, identify, isAlive, killTree, type ProcessId } from '../harness/processes.ts';
import { cleanEnv, engineEnv, run, serverCommand } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import type { ClientAnswer, LoadReport } from './cluster-client.ts';

const example = join(checkout, 'examples/cluster');

/** A cluster that runs. */
export class Cluster implements AsyncDisposable {
  readonly #folder = new TestFolder('hathi-cluster-');
  readonly #env: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];
  readonly run: ChildProcess;
  readonly log: LogLines;

  constructor() {
    this.#env = cleanEnv({
      // Each machine has a /run of its own, and all have the same configuration file.
      HATHI_RUNTIME_DIR: undefined,
      ...engineEnv('native'),
      HATHI: serverCommand('hathi'),
      HATHI_CLUSTER_DIR: this.#folder.join('machines'),
    });
    this.run = this.#start('run', []);
    this.log = LogLines.fromStream(this.run.stderr!);
  }

  /** Path of a file of a machine, as it is to be found from outside. */
  path(...parts: string[]): string {
    return this.#folder.join('machines', ...parts);
  }

  /** A folder outside of the machines. */
  get folder(): TestFolder {
    return this.#folder;
  }

  /** Switches a machine on. */
  boot(machine: string): void {
    this.#start('boot', [machine]);
  }

  /** The first process of a machine, as soon as it is on. */
  first(machine: string): Promise<ProcessId> {
    const look = () => {
      if (this.run.exitCode !== null) throw new Error(`the cluster has ended:\n${this.log.text()}`);
      try {
        return identify(Number(readFileSync(this.path(`${machine}.pid`), 'utf8')));
      } catch {
        return undefined;
      }
    };
    // All machines are switched on at once.
    return poll(`machine ${machine}`, look, 60_000);
  }

  /** Kills all processes of a machine at once, and waits until they are gone. */
  async pullPlug(machine: string): Promise<void> {
    const first = await this.first(machine);
    process.kill(first.pid, 'SIGKILL');
    await poll(`the end of ${machine}`, () => !isAlive(first) || undefined);
  }

  /** A script of the example to its end; throws unless it went well. */
  async script(name: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await run(join(example, name), args, { env: this.#env, cap: 90_000 });
    if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** The nodes as a balancer sees them. */
  servers(balancer = 'lb1'): Promise<readonly BackendServer[]> {
    return serversOf(this.path(balancer, 'run/haproxy.sock'));
  }

  /** Waits until a balancer sees that of a node. */
  async node(name: string, status: RegExp, balancer = 'lb1'): Promise<void> {
    let last: readonly BackendServer[] = [];
    await poll(
      `${name} to be ${status}`,
      async () => {
        last = await this.servers(balancer).catch(() => []);
        return last.some((server) => server.name === name && status.test(server.status)) || undefined;
      },
      30_000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}; HAProxy: ${JSON.stringify(last)}`);
    });
  }

  /** Waits until a balancer has the virtual address. */
  async hasAddress(balancer: string): Promise<void> {
    await poll(`the virtual address at ${balancer}`, async () => {
      const said = await this.script('enter', balancer, 'ip', '-o', 'address').catch(() => '');
      return said.includes(' 192.0.2.10/') || undefined;
    });
  }

  /** The program of the visitors, on the machine `client`. */
  async client(): Promise<ClusterClient> {
    await this.first('client');
    await this.first('edge');
    const program = join(checkout, 'tests/examples/cluster-client.ts');
    const args = ['client', process.execPath, program, '192.0.2.20', this.path('tls/site.crt')];
    return new ClusterClient(this.#start('enter', args));
  }

  #start(name: string, args: readonly string[]): ChildProcess {
    const child = spawn(join(example, name), args, { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'] });
    adopt(child);
    this.#children.push(child);
    // Read by nobody else, and a full pipe would stop it.
    child.stderr?.resume();
    if (name !== 'enter') child.stdout?.resume();
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.run.kill('SIGTERM');
    await within(exited(this.run), 'the end of the cluster').catch(() => undefined);
    for (const child of this.#children) await killTree(child);
    this.#folder[Symbol.dispose]();
  }
}

/** The visitors' program, told line by line. */
export class ClusterClient {
  readonly #child: ChildProcess;
  readonly #lines: LogLines;
  readonly #ended: Promise<never>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = LogLines.fromStream(child.stdout!);
    const errors = LogLines.fromStream(child.stderr!);
    this.#ended = exited(child).then(() => {
      throw new Error(`the visitors' program has ended:\n${errors.text()}`);
    });
    // It ends with its machine; only who waits for an answer wants to know.
    this.#ended.catch(() => undefined);
  }

  load(visitors: number): void {
    this.#say(`load ${visitors}`);
  }

  phase(name: string): void {
    this.#say(`phase ${name}`);
  }

  async stop(): Promise<LoadReport> {
    return (await this.#ask('stop')) as LoadReport;
  }

  async get(url: string): Promise<ClientAnswer> {
    return (await this.#ask(`get ${url}`)) as ClientAnswer;
  }

  #say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async #ask(line: string): Promise<unknown> {
    const from = this.#lines.mark();
    this.#say(line);
    const answer = this.#lines.waitFor(/^\{/, from, 40_000);
    return JSON.parse(await Promise.race([answer, this.#ended]));
  }
}
