/**
 * Going to the background. Node cannot fork, so the calling process starts the master as a new process in its own
 * session and waits for its report; from outside this looks like php-fpm.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** Time limit for the master's report, milliseconds. */
const answerTimeoutMs = 10_000;
/** The master's end of the pipe. */
const statusFd = 3;
/** Marks the new process as the master of a waiting caller. */
const marker = 'HATHI_STATUS_FD';

/** Outcome of the master's start, as its caller sees it. */
export type LaunchOutcome = 'launched' | 'failed' | 'silent' | 'timeout';

/** The log line for an error, in php-fpm's words; undefined where the master has logged the reason. */
export const launchErrors: Readonly<Record<LaunchOutcome, string | undefined>> = {
  launched: undefined,
  failed: undefined,
  silent: 'no data have been read from pipe',
  timeout: "the master process didn't send back its status (via the pipe to the calling process)",
};

/**
 * Starts this same command again as a master in the background and waits until it serves or has failed.
 *
 * @param command the script that Node runs, and its arguments
 */
export async function launchInBackground(command: readonly string[]): Promise<LaunchOutcome> {
  const child = spawn(process.execPath, [...process.execArgv, ...command], {
    detached: true,
    env: { ...process.env, [marker]: String(statusFd) },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  try {
    return await awaitWord(child);
  } finally {
    child.stdio[statusFd]?.destroy();
    child.unref();
  }
}

function awaitWord(child: ChildProcess): Promise<LaunchOutcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('timeout'), answerTimeoutMs);
    const settle = (outcome: LaunchOutcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const pipe = child.stdio[statusFd] as Readable;
    pipe.once('data', (bytes: Buffer) => settle(bytes[0] === '1'.charCodeAt(0) ? 'launched' : 'failed'));
    pipe.once('end', () => settle('silent'));
    pipe.once('error', () => settle('silent'));
    child.once('error', () => settle('silent'));
  });
}

/** The master's side: its report to the process that started it. */
export class LaunchReport {
  #fd: number | undefined;

  private constructor(fd: number | undefined) {
    this.#fd = fd;
  }

  /** Removes the marker from the environment, so that no worker sees it. */
  static fromEnvironment(env: NodeJS.ProcessEnv): LaunchReport {
    const fd = env[marker];
    delete env[marker];
    return new LaunchReport(fd === undefined ? undefined : Number(fd));
  }

  /** Whether a caller waits for the report: then this process is already in the background. */
  get isAwaited(): boolean {
    return this.#fd !== undefined;
  }

  /** Descriptors inherited from the caller. */
  get descriptors(): readonly number[] {
    return this.#fd === undefined ? [] : [this.#fd];
  }

  /** Reports the outcome of the start; only the first report counts. */
  send(launched: boolean): void {
    if (this.#fd === undefined) return;
    try {
      writeSync(this.#fd, launched ? '1' : '0');
    } catch {
      // The caller gave up waiting, so there is no one to inform.
    }
    closeSync(this.#fd);
    this.#fd = undefined;
  }
}
