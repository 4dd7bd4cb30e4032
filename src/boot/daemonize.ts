/**
 * Going to the background. Node cannot fork, so the calling process starts the master as a new process in a
 * session of its own and waits for its word; to the outside this is what php-fpm does.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** How long the calling process waits for the master's word, milliseconds. */
const answerTimeoutMs = 10_000;
/** The master's end of the pipe. */
const statusFd = 3;
/** Tells the new process that it is the master of a waiting caller. */
const marker = 'HATHI_STATUS_FD';

/** How the master did, as its caller learns it. */
export type LaunchOutcome = 'launched' | 'failed' | 'silent' | 'timeout';

/** The log line for an outcome that is an error, in php-fpm's words; undefined where the master has said why. */
export const launchErrors: Readonly<Record<LaunchOutcome, string | undefined>> = {
  launched: undefined,
  failed: undefined,
  silent: 'no data have been read from pipe',
  timeout: "the master process didn't send back its status (via the pipe to the calling process)",
};

/**
 * Starts this very command again as the master in the background and waits until it serves or has failed.
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

/** The master's side: its word to the process that started it. */
export class LaunchReport {
  #fd: number | undefined;

  private constructor(fd: number | undefined) {
    this.#fd = fd;
  }

  /** Takes the marker out of the environment, so that no worker sees it. */
  static fromEnvironment(env: NodeJS.ProcessEnv): LaunchReport {
    const fd = env[marker];
    delete env[marker];
    return new LaunchReport(fd === undefined ? undefined : Number(fd));
  }

  /** Whether somebody waits for the word, that is, whether this process is already in the background. */
  get isAwaited(): boolean {
    return this.#fd !== undefined;
  }

  /** What it holds of the caller's. */
  get descriptors(): readonly number[] {
    return this.#fd === undefined ? [] : [this.#fd];
  }

  /** Says how the start went; only the first word counts. */
  send(launched: boolean): void {
    if (this.#fd === undefined) return;
    try {
      writeSync(this.#fd, launched ? '1' : '0');
    } catch {
      // The caller gave up waiting: nobody is left to be told.
    }
    closeSync(this.#fd);
    this.#fd = undefined;
  }
}
