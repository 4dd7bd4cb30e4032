/**
 * Hosts of the last master that no pool goes on with: their pool is gone, they speak another version of the contract, or
 * they were just being made. They finish what they run, as after a reload. Until then another master could still take
 * them over: nothing is lost where this one is killed meanwhile.
 */

import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { contractVersion, encodeMessage, MessageDecoder } from '../engine/contract.ts';
import type { Leftover } from '../generation/leftover.ts';
import type { HostRecord } from '../generation/survivor.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { isLevel } from '../log/levels.ts';
import { drainDeadline, hangUpGraceMs } from '../pool/hand-over.ts';
import type { FoundHost } from './found-hosts.ts';
import type { SurvivalFolder } from './survival-folder.ts';

/** Their lines of the time without a master, and further ones up to this number of bytes. */
const longestMessages = 256 * 1024;

export interface LeftoverOptions {
  readonly folder: SurvivalFolder;
  readonly log: ErrorLog;
  /** Of the configuration in force, seconds. */
  readonly processControlTimeout: () => number;
}

export class LeftoverHosts {
  readonly #options: LeftoverOptions;
  readonly #hosts = new Set<LeftoverHost>();
  #onGone: (() => void) | undefined;

  constructor(options: LeftoverOptions) {
    this.#options = options;
  }

  /**
   * Has one finish what it runs.
   *
   * @param counts what it counts
   */
  dismiss(found: FoundHost, counts: Leftover | undefined): void {
    const host = new LeftoverHost(found, counts, this.#options, () => {
      this.#hosts.delete(host);
      if (this.#hosts.size === 0) this.#onGone?.();
    });
    this.#hosts.add(host);
  }

  /** Settles when none is left. */
  async gone(): Promise<void> {
    if (this.#hosts.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onGone = resolve;
    });
  }

  /** They end at once; requests that run are lost. */
  end(): void {
    for (const host of this.#hosts) host.hangUp();
  }

  /** They are the next master's. */
  letGo(): void {
    for (const host of this.#hosts) host.letGo();
    this.#hosts.clear();
  }
}

class LeftoverHost {
  readonly #found: FoundHost;
  readonly #counts: Leftover | undefined;
  readonly #options: LeftoverOptions;
  readonly #socket: Socket;
  readonly #decoder = new MessageDecoder();
  readonly #onGone: () => void;
  #timer: NodeJS.Timeout | undefined;
  #read = 0;
  #isLetGo = false;

  constructor(found: FoundHost, counts: Leftover | undefined, options: LeftoverOptions, onGone: () => void) {
    const { record, channel, descriptors, output } = found;
    this.#found = found;
    this.#counts = counts;
    this.#options = options;
    this.#onGone = onGone;
    for (const fd of [descriptors, ...output]) closeSync(fd);
    options.log.notice(
      `[pool ${record.config.name}] engine host ${record.pid} of the last master finishes what it runs: ${reasonToGo(record)}`,
    );
    const until = drainDeadline(0, options.processControlTimeout(), record.config.request_terminate_timeout);
    if (until !== undefined) this.#timer = setTimeout(() => this.hangUp(), until);
    this.#socket = new Socket({ fd: channel });
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('data', (bytes) => this.#hear(bytes));
    this.#socket.once('close', () => this.#close());
    for (const words of [['hathi', String(record.contract)], ['drain']]) this.#send(words);
  }

  /** It ends its workers and exits, or is killed. */
  hangUp(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#found.process?.signal('SIGKILL'), hangUpGraceMs);
    this.#send(['survive', '0']);
    this.#socket.end();
  }

  letGo(): void {
    this.#isLetGo = true;
    this.#socket.destroy();
  }

  #send(words: readonly string[]): void {
    if (this.#socket.writable) this.#socket.write(encodeMessage(words));
  }

  /** Of what it says two words are the same in every version. */
  #hear(bytes: Buffer): void {
    this.#read += bytes.length;
    if (this.#read > longestMessages) return;
    try {
      for (const { words, payload } of this.#decoder.push(bytes)) {
        if (words[0] === 'drained') this.#drained();
        if (words[0] === 'log' && payload !== undefined) this.#tell(words[1], payload);
      }
    } catch {
      this.#read = longestMessages;
    }
  }

  #tell(level: string | undefined, text: Uint8Array): void {
    if (!isLevel(level)) return;
    const { name } = this.#found.record.config;
    this.#options.log.ofStranger(level, `[pool ${name}] ${Buffer.from(text).toString('utf8')}`);
  }

  /** It may go once its counts are written down, which is at the end of this turn. */
  #drained(): void {
    this.#counts?.end();
    setImmediate(() => this.#send(['survive', '0']));
  }

  #close(): void {
    clearTimeout(this.#timer);
    const { process, scoreboard, place } = this.#found;
    if (!this.#isLetGo) {
      // One that closed its channel and lives could still accept connections.
      process?.signal('SIGKILL');
      this.#counts?.end();
      this.#options.folder.remove(place);
    }
    closeSync(scoreboard);
    process?.close();
    this.#onGone();
  }
}

/** Why no pool takes it. */
function reasonToGo({ contract, pid }: HostRecord): string {
  if (contract !== contractVersion) return `it speaks contract version ${contract}`;
  return pid === 0 ? 'it was just being made' : 'the pool is not configured';
}
