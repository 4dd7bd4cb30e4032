/** An own instance of Debian's php-fpm for comparisons, on a Unix socket in a temporary folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { phpFpm } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { adopt, killTree } from '../harness/processes.ts';
import { poll } from '../harness/waiting.ts';

export class ReferenceFpm implements AsyncDisposable {
  readonly folder: TestFolder;
  readonly socket: string;
  readonly #child: ChildProcess;

  private constructor(folder: TestFolder, child: ChildProcess) {
    this.folder = folder;
    this.socket = folder.join('fpm.sock');
    this.#child = child;
  }

  /** @param pool further lines of the pool section */
  static async start(pool: readonly string[] = []): Promise<ReferenceFpm> {
    const folder = new TestFolder('hathi-reference-');
    const config = [
      '[global]',
      `error_log = ${folder.join('error.log')}`,
      '[www]',
      `listen = ${folder.join('fpm.sock')}`,
      'pm = static',
      'pm.max_children = 2',
      'php_admin_value[register_argc_argv] = 0',
      ...pool,
    ];
    if (process.getuid?.() === 0) config.push('user = www-data', 'group = www-data');
    const file = folder.write('fpm.conf', `${config.join('\n')}\n`);
    const child = spawn(phpFpm, ['-F', '-n', '-y', file], { stdio: 'ignore' });
    adopt(child);
    const fpm = new ReferenceFpm(folder, child);
    await poll('the socket of php-fpm', () => (existsSync(fpm.socket) ? true : undefined));
    return fpm;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killTree(this.#child);
    this.folder[Symbol.dispose]();
  }
}
