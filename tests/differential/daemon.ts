/** Daemons of both kinds: started by `-D`, looked at, ended with everything below them. */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { descendants, identify, isAlive, type ProcessId, signalProcess } from '../harness/processes.ts';
import { run, type ServerKind, serverCommand } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

export interface Daemon {
  readonly folder: TestFolder;
  readonly caller: { readonly code: number | null; readonly stdout: string; readonly stderr: string };
  readonly pid: number;
  readonly log: LogLines;
}

/** Starts a daemon, runs `act`, and ends it with everything below it. */
export async function withDaemon<T>(
  kind: ServerKind,
  text: (folder: TestFolder) => string,
  act: (daemon: Daemon) => Promise<T>,
  through: readonly string[] = [],
): Promise<T> {
  using folder = new TestFolder();
  folder.mkdir('run', 0o777);
  folder.mkdir('www');
  const config = folder.write('server.conf', text(folder));
  using closing = new DisposableStack();
  const log = LogLines.fromFile(folder.join('error.log'));
  closing.defer(() => log.close());
  chmodSync(folder.join('error.log'), 0o666);
  let master: ProcessId | undefined;
  let below: ProcessId[] = [];
  try {
    // The caller's pipes have to end with it: run() waits for that.
    const [command = '', ...first] = [...through, serverCommand(kind), '-D', '-y', config];
    const caller = await run(command, first, { cwd: folder.path, cap: 15_000 });
    const pidFile = folder.join('run/server.pid');
    const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
    master = pid === 0 ? undefined : identify(pid);
    below = pid === 0 ? [] : descendants(pid);
    return await act({ folder, caller, pid, log });
  } finally {
    if (master !== undefined) {
      const id = master;
      signalProcess(id, 'SIGTERM');
      await poll('the end of the daemon', () => !isAlive(id) || undefined).catch(() => {
        for (const each of [id, ...below]) signalProcess(each, 'SIGKILL');
      });
    }
  }
}

/** The same with both; `through` is a program that starts another one, such as setpriv(1). */
export async function both<T>(
  text: (folder: TestFolder) => string,
  act: (daemon: Daemon) => Promise<T>,
  through: readonly string[] = [],
): Promise<{ reference: T; hathi: T }> {
  return {
    reference: await withDaemon('php-fpm', text, act, through),
    hathi: await withDaemon('hathi', text, act, through),
  };
}
