/** Tests of configurations, `-t` and `-tt`, by one process for many of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { adopt, exited, killTree } from './processes.ts';
import { type CommandResult, cleanEnv } from './server.ts';
import { within } from './waiting.ts';

export type TestFlag = '-t' | '-tt';

export class ConfigurationTester implements AsyncDisposable {
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #onText: () => void = () => {};
  #last: Promise<unknown> = Promise.resolve();

  constructor(env: NodeJS.ProcessEnv = cleanEnv()) {
    const program = join(import.meta.dirname, 'tested-configurations.ts');
    this.#child = spawn(process.execPath, [program], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    adopt(this.#child);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#onText();
    });
  }

  /** What the command prints and returns for the file; one after the other. */
  test(configFile: string, flag: TestFlag, cwd: string): Promise<CommandResult> {
    const result = this.#last.then(() => this.#test(configFile, flag, cwd));
    this.#last = result.catch(() => {});
    return result;
  }

  async #test(configFile: string, flag: TestFlag, cwd: string): Promise<CommandResult> {
    const done = new Promise<number>((resolve, reject) => {
      this.#onText = () => {
        const end = /\x1e(\d+)\x1e$/.exec(this.#stderr);
        if (end !== null) resolve(Number(end[1]));
      };
      void exited(this.#child).then(() => reject(new Error(`the process has ended: ${this.#stderr}`)));
    });
    this.#child.stdin?.write(`${JSON.stringify({ configFile, test: flag.length - 1, cwd })}\n`);
    const code = await within(done, () => `${flag} of ${configFile}: ${this.#stderr}`, 30_000);
    const result = { code, stdout: this.#stdout, stderr: this.#stderr.replace(/\x1e\d+\x1e$/, '') };
    this.#stdout = '';
    this.#stderr = '';
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await killTree(this.#child);
  }
}
