/** A command that runs until it is told to stop, with its output as lines. */
import { type ChildProcess, spawn } from 'node:child_process';
import { LogLines } from './log-lines.ts';
import { adopt, exited, killTree } from './processes.ts';
import { within } from './waiting.ts';

/** Started with `new`, ended by `stop` or at the end of the `await using` scope in any case. */
export class RunningCommand implements AsyncDisposable {
  readonly stdout: LogLines;
  readonly stderr: LogLines;
  readonly #child: ChildProcess;
  readonly #name: string;

  constructor(command: string, args: readonly string[], options: { cwd?: string; env: NodeJS.ProcessEnv }) {
    this.#name = [command, ...args].join(' ');
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    adopt(child);
    this.#child = child;
    this.stdout = LogLines.fromStream(child.stdout);
    this.stderr = LogLines.fromStream(child.stderr);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits for a line on stdout; fails at once when the command ends first. */
  async says(pattern: RegExp, cap = 30_000): Promise<string> {
    const ended = exited(this.#child).then(() => {
      throw new Error(`${this.#name} ended with ${this.#child.exitCode}:\n${this.#output()}`);
    });
    return await Promise.race([this.stdout.waitFor(pattern, 0, cap), ended]);
  }

  /** Sends the signal and waits for the end. Returns the exit code, null when a signal ended it. */
  async stop(signal: NodeJS.Signals = 'SIGINT', cap?: number): Promise<number | null> {
    this.#child.kill(signal);
    await within(
      exited(this.#child),
      () => `the end of ${this.#name} after ${signal}:\n${this.#output()}`,
      cap,
    );
    return this.#child.exitCode;
  }

  /** Waits for its own end. Returns the exit code, null when a signal ended it. */
  async ended(cap = 60_000): Promise<number | null> {
    await within(exited(this.#child), () => `the end of ${this.#name}:\n${this.#output()}`, cap);
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killTree(this.#child);
  }

  #output(): string {
    return `${this.stdout.text()}\n${this.stderr.text()}`;
  }
}
