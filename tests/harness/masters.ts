/**
 * Masters on one configuration, one after the other or at once: for tests in which a master is killed and its hosts are
 * not. Every process that any of them made is gone at the end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { adminSocketName } from '../../src/config/admin-place.ts';
import type { PoolAnswer } from '../../src/figures/answers.ts';
import { askAdmin } from '../admin/client.ts';
import type { Target } from '../faults/target.ts';
import { TestFolder } from './folder.ts';
import { LogLines } from './log-lines.ts';
import {
  adopt,
  descendants,
  exited,
  identify,
  isAlive,
  killTree,
  type ProcessId,
  signalProcess,
} from './processes.ts';
import { cleanEnv, type EngineName, engineEnv, serverCommand, titleOf } from './server.ts';
import { poll, within } from './waiting.ts';

const readyLine = /ready to handle connections/;

/** One of them. */
export interface StartedMaster {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly log: LogLines;
}

export class Masters implements AsyncDisposable, Target {
  readonly folder = new TestFolder();
  /** Of the masters to come. */
  program = serverCommand('hathi');
  readonly #engine: EngineName;
  readonly #global: string;
  readonly #started: StartedMaster[] = [];
  readonly #below = new Map<string, ProcessId>();

  /** @param global lines of the section [global] */
  constructor(engine: EngineName, pools: (folder: TestFolder) => string, global = 'survive = 60') {
    this.#engine = engine;
    this.#global = global;
    for (const name of ['run', 'log', 'runtime']) this.folder.mkdir(name, 0o755);
    this.folder.mkdir('tmp', 0o1777);
    this.folder.mkdir('www');
    this.configure(pools);
  }

  get configFile(): string {
    return this.folder.join('server.conf');
  }

  configure(pools: (folder: TestFolder) => string, global = this.#global): void {
    const own = `pid = ${this.folder.join('run/server.pid')}\nerror_log = ${this.folder.join('log/error.log')}`;
    this.folder.write('server.conf', `[global]\n${own}\n${global}\n${pools(this.folder)}\n`);
  }

  /**
   * Starts one and does not wait for it.
   *
   * @param passed descriptors by name, as systemd passes them
   */
  launch(
    more: NodeJS.ProcessEnv = {},
    flags: readonly string[] = ['-F', '-O'],
    passed: ReadonlyMap<string, number> = new Map(),
  ): StartedMaster {
    const env = { TMPDIR: this.folder.join('tmp'), HATHI_RUNTIME_DIR: this.folder.join('runtime') };
    const listen = { LISTEN_FDS: String(passed.size), LISTEN_FDNAMES: [...passed.keys()].join(':') };
    // LISTEN_PID is the pid of the one who is meant, which the shell becomes.
    const through = passed.size === 0 ? [] : ['/bin/sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh'];
    const [file = '', ...args] = [...through, this.program, ...flags, '-y', this.configFile];
    const child = spawn(file, args, {
      cwd: this.folder.path,
      env: cleanEnv({ ...env, ...engineEnv(this.#engine), ...(passed.size === 0 ? {} : listen), ...more }),
      stdio: ['ignore', 'ignore', 'pipe', ...passed.values()],
    });
    adopt(child);
    if (child.pid === undefined || child.stderr === null) throw new Error('cannot start a master');
    const master = { child, pid: child.pid, log: LogLines.fromStream(child.stderr) };
    this.#started.push(master);
    return master;
  }

  /** Starts one and waits until it is ready. */
  async start(
    cap = 30_000,
    env: NodeJS.ProcessEnv = {},
    passed: ReadonlyMap<string, number> = new Map(),
  ): Promise<StartedMaster> {
    const master = this.launch(env, undefined, passed);
    const ended = exited(master.child).then(() => {
      throw new Error(`the master ended with code ${master.child.exitCode}:\n${master.log.text()}`);
    });
    await Promise.race([master.log.waitFor(readyLine, 0, cap), ended]);
    return master;
  }

  /** As the kernel does where memory is short. */
  async kill(master: StartedMaster): Promise<ProcessId[]> {
    const below = this.note(master);
    master.child.kill('SIGKILL');
    await exited(master.child);
    return below;
  }

  /** Remembers the processes below one, which outlive it. */
  note({ pid }: { readonly pid: number }): ProcessId[] {
    const below = descendants(pid);
    for (const id of below) this.#below.set(`${id.pid} ${JSON.stringify(id)}`, id);
    return below;
  }

  /** Remembers a master that is no child of this process, and what is below it. */
  noteRoot(pid: number): void {
    const root = identify(pid);
    for (const id of [...(root === undefined ? [] : [root]), ...descendants(pid)])
      this.#below.set(`${id.pid} ${JSON.stringify(id)}`, id);
  }

  /** Of the master. */
  pidInFile(): number {
    return Number(readFileSync(this.folder.join('run/server.pid'), 'utf8'));
  }

  /** Stops whoever is the master. */
  async end(): Promise<void> {
    const pid = this.pidInFile();
    this.noteRoot(pid);
    const root = identify(pid);
    if (root === undefined) throw new Error(`the master ${pid} is gone`);
    signalProcess(root, 'SIGTERM');
    await poll('the end of the master', () => !isAlive(root) || undefined, 15_000);
  }

  /** Those that live of all that were seen, without templates. */
  living(): ProcessId[] {
    return [...this.#below.values()].filter((id) => isAlive(id));
  }

  /** A host of a master before makes further workers. */
  processes(): ProcessId[] {
    for (const { pid } of this.living()) this.note({ pid });
    return this.living();
  }

  socket(pool = 'www'): string {
    return this.folder.join(`run/${pool}.sock`);
  }

  /** Where hosts and masters meet. */
  hostsFolder(): string {
    const name = adminSocketName({ file: this.configFile }).replace(/\.sock$/, '.hosts');
    return this.folder.join('runtime', name);
  }

  /** An answer of the admin endpoint. */
  async ask(path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
    const socketPath = this.folder.join(`runtime/${adminSocketName({ file: this.configFile })}`);
    return (await askAdmin({ socketPath, path, method })).body;
  }

  /** What it tells of a pool. */
  async pool(name = 'www'): Promise<PoolAnswer & Readonly<Record<string, unknown>>> {
    const { pools } = JSON.parse(await this.ask('/api/pools'));
    return pools.find((pool: { readonly name: string }) => pool.name === name);
  }

  /** Waits until nothing lives of what was seen. */
  async gone(cap: number): Promise<void> {
    const text = () =>
      this.living()
        .map(({ pid }) => `${pid} ${titleOf(pid)}`)
        .join(', ');
    await poll('the end of every process', () => this.living().length === 0 || undefined, cap).catch(
      (error) => {
        throw new Error(`${(error as Error).message}: ${text()}`);
      },
    );
  }

  async stop(master: StartedMaster, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.note(master);
    master.child.kill(signal);
    await within(exited(master.child), () => `the end; log:\n${master.log.text()}`, 15_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const master of this.#started) {
      this.note(master);
      await killTree(master.child);
      master.log.close();
    }
    // The last one may be no child of this process.
    if (existsSync(this.folder.join('run/server.pid'))) this.noteRoot(this.pidInFile());
    for (const id of this.living()) signalProcess(id, 'SIGKILL');
    this.folder[Symbol.dispose]();
  }
}
