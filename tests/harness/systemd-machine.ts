/**
 * A machine with a real systemd as its first process, made of this machine's own root file system: Debian's packages are
 * installed in it already, its boot takes a second, and changes go to memory. It needs root, overlayfs and cgroup2.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { requires } from './debian.ts';
import { checkout, TestFolder } from './folder.ts';
import { LogLines } from './log-lines.ts';
import { adopt, descendants, exited, killTree } from './processes.ts';
import { type CommandResult, cleanEnv, run } from './server.ts';
import { poll } from './waiting.ts';

const script = join(checkout, 'tests/harness/systemd-machine.sh');
const systemd = '/lib/systemd/systemd';
/** Exit code of the script where this machine cannot make another one. */
const impossible = 75;

/** Why no such machine can run here, for a test's `skip`; false when one can. */
export function machineObstacle(): string | false {
  const missing = requires('root');
  if (missing !== false) return missing;
  if (!existsSync(systemd)) return 'needs systemd';
  try {
    using group = new ControlGroup();
    using folder = new TestFolder();
    const { status, stderr } = spawnSync('sh', [script, group.path, folder.path, 'true'], {
      encoding: 'utf8',
    });
    if (status === 0) return false;
    if (status === impossible) return `needs namespaces, overlayfs and cgroup2: ${stderr.trim()}`;
    throw new Error(`the machine's preparation ended with ${status}: ${stderr}`);
  } catch (error) {
    if (error instanceof NoControlGroups) return error.message;
    throw error;
  }
}

export class SystemdMachine implements AsyncDisposable {
  readonly #folder: TestFolder;
  readonly #group: ControlGroup;
  readonly #outer: ChildProcess;
  readonly console: LogLines;
  #pid = 0;

  private constructor() {
    this.#folder = new TestFolder('hathi-machine-');
    this.#group = new ControlGroup();
    const command = [systemd, '--unit=machine.target', '--log-target=journal', '--show-status=no'];
    this.#outer = spawn('sh', [script, this.#group.path, this.#folder.path, ...command], {
      env: cleanEnv(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    adopt(this.#outer);
    this.console = LogLines.fromStream(this.#outer.stderr!);
  }

  /** Boots one; settles when systemd has started everything that it has to. */
  static async boot(): Promise<SystemdMachine> {
    const machine = new SystemdMachine();
    try {
      machine.#pid = await poll('systemd', () => machine.#findFirst(), 60_000);
      await poll(
        'its bus',
        () => existsSync(machine.path('/run/dbus/system_bus_socket')) || undefined,
        60_000,
      );
      await machine.run('systemctl is-system-running --wait', 60_000);
      return machine;
    } catch (error) {
      const text = machine.console.text();
      await machine[Symbol.asyncDispose]();
      throw new Error(`${(error as Error).message}; its console:\n${text}`);
    }
  }

  /** Its first process, as this machine sees it. */
  get pid(): number {
    return this.#pid;
  }

  /** A file of the machine, for this process. */
  path(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`;
  }

  /** Runs a command of the shell in it. @throws Error with the output unless it succeeds */
  async run(command: string, cap?: number): Promise<string> {
    const { code, stdout, stderr } = await this.try(command, cap);
    if (code !== 0) throw new Error(`"${command}" ended with ${code} in the machine:\n${stdout}${stderr}`);
    return stdout;
  }

  /** The same for a command that may fail. */
  async try(command: string, cap = 100_000): Promise<CommandResult> {
    const all = ['--target', String(this.#pid), '--all'];
    const env = ['-i', 'HOME=/root', 'LANG=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive', 'SYSTEMD_PAGER='];
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    // Its root is not that of this process, so neither is its working folder.
    return await run('nsenter', [...all, 'env', ...env, path, 'sh', '-c', `cd / && { ${command}\n}`], {
      cwd: '/',
      cap,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killTree(this.#outer);
    await exited(this.#outer);
    this.console.close();
    await poll('the end of its control groups', () => this.#group.remove() || undefined);
    this.#folder[Symbol.dispose]();
  }

  /** systemd, once it is that. */
  #findFirst(): number | undefined {
    const { pid, exitCode } = this.#outer;
    if (pid === undefined || exitCode !== null) throw new Error(`it ended with ${exitCode}`);
    const found = descendants(pid).find(({ pid: one }) => commandOf(one) === 'systemd');
    return found?.pid;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** This machine has no place for another one. */
class NoControlGroups extends Error {}

/** A control group below that of this process, with all below it. */
class ControlGroup implements Disposable {
  readonly path: string;

  constructor() {
    const mounted = /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(
      readFileSync('/proc/self/mountinfo', 'utf8'),
    )?.[1];
    const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    if (mounted === undefined || own === undefined) throw new NoControlGroups('needs cgroup2');
    try {
      this.path = mkdtempSync(join(mounted, own, 'hathi-machine-'));
    } catch (error) {
      throw new NoControlGroups(`needs a control group: ${(error as Error).message}`);
    }
    process.on('exit', this.#atExit);
  }

  /** @returns false while processes of it are ending */
  remove(): boolean {
    try {
      removeBelow(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
      throw error;
    }
    process.off('exit', this.#atExit);
    return true;
  }

  [Symbol.dispose](): void {
    const until = performance.now() + 2000;
    while (!this.remove() && performance.now() < until) spawnSync('sleep', ['0.02']);
  }

  readonly #atExit = (): void => this[Symbol.dispose]();
}

/** Files of a control group go with it. */
function removeBelow(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeBelow(join(folder, entry.name));
  }
  rmdirSync(folder);
}
