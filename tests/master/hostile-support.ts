/** Starts hostile-master.ts: a real master in a process of its own, whose pools may be hosted by programs of a test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkout, TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { adopt, killTree } from '../harness/processes.ts';
import { cleanEnv } from '../harness/server.ts';

export interface TestMaster extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly folder: TestFolder;
  readonly log: LogLines;
}

/** @param options.programs programs with their arguments, by name of the pool; the others have real hosts */
export function startTestMaster(options: {
  readonly config: (folder: TestFolder) => string;
  readonly programs: (folder: TestFolder) => Readonly<Record<string, readonly string[]>>;
  readonly env?: NodeJS.ProcessEnv;
}): TestMaster {
  const folder = new TestFolder();
  for (const name of ['run', 'runtime', 'tmp', 'www']) folder.mkdir(name, 0o777);
  const config = folder.write('server.conf', options.config(folder));
  const programs = folder.write('programs.json', JSON.stringify(options.programs(folder)));
  const folders = { TMPDIR: folder.join('tmp'), HATHI_RUNTIME_DIR: folder.join('runtime') };
  const child = spawn(
    process.execPath,
    [join(checkout, 'tests/master/hostile-master.ts'), config, programs],
    {
      cwd: folder.path,
      env: cleanEnv({ ...folders, ...options.env }),
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  adopt(child);
  if (child.pid === undefined) throw new Error('cannot start the master');
  const log = LogLines.fromStream(child.stderr);
  return {
    child,
    pid: child.pid,
    folder,
    log,
    async [Symbol.asyncDispose]() {
      await killTree(child);
      log.close();
      folder[Symbol.dispose]();
    },
  };
}
