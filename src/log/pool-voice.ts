/**
 * Output of a pool's host and workers on its way into the error log. Both run foreign code: neither may fill the log or
 * keep the master busy. Excess is dropped, and one line a second reports how much.
 */
import { Allowance, type AllowanceLimits } from './allowance.ts';
import type { ErrorLog } from './error-log.ts';
import { type Level, passes } from './levels.ts';

export interface VoiceLimits {
  /** Limit for workers' stdout and stderr: an application may log much that way. */
  readonly output: AllowanceLimits;
  /** Limit for the host's own messages, stdout and stderr: rare and short. */
  readonly messages: AllowanceLimits;
}

const mebibyte = 1024 * 1024;

/** docs/differences.md and docs/security.md state these numbers. */
export const voiceLimits: VoiceLimits = {
  output: { bytesPerSecond: 4 * mebibyte, burst: 32 * mebibyte },
  messages: { bytesPerSecond: 64 * 1024, burst: 512 * 1024 },
};

const reportAfterMs = 1000;
const newline = 0x0a;

export class PoolVoice {
  readonly #log: ErrorLog;
  readonly #pool: string;
  readonly #now: () => number;
  readonly #output: Allowance;
  readonly #messages: Allowance;
  #dropped = 0;
  #level: Level = 'warning';
  #timer: NodeJS.Timeout | undefined;

  /** @param now monotonic milliseconds */
  constructor(log: ErrorLog, pool: string, now: () => number, limits: VoiceLimits = voiceLimits) {
    this.#log = log;
    this.#pool = pool;
    this.#now = now;
    this.#output = new Allowance(limits.output);
    this.#messages = new Allowance(limits.messages);
  }

  /** Whether these bytes of a worker may be logged; if not, their lines count as dropped. */
  admits(bytes: Uint8Array): boolean {
    const lines = linesIn(bytes);
    if (this.#output.take(bytes.length, lines, this.#now())) return true;
    this.#drop(lines, 'warning');
    return false;
  }

  /** A message of the host itself, cut to `log_limit`. */
  message(level: Level, text: string): void {
    if (!passes(level, this.#log.level)) return;
    if (this.#messages.take(text.length, 1, this.#now())) {
      this.#log.ofStranger(level, `[pool ${this.#pool}] ${text}`);
    } else {
      this.#drop(1, level);
    }
  }

  /** Unexpected output on the host's own stdout or stderr. */
  chatter(pid: number, stream: 'stdout' | 'stderr', text: string): void {
    for (const line of text.split('\n')) {
      if (line !== '') this.message('warning', `host ${pid} said into ${stream}: "${line}"`);
    }
  }

  /** Reports the lines dropped so far. */
  report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#dropped === 0) return;
    const lines = `${this.#dropped} ${this.#dropped === 1 ? 'line' : 'lines'}`;
    this.#log.write(
      this.#level,
      `[pool ${this.#pool}] ${lines} of this pool were dropped in the last second: its workers or its host say more than the log takes`,
    );
    this.#dropped = 0;
    this.#level = 'warning';
  }

  /** @param level minimum level of the report, so that it shows wherever the lines would have shown */
  #drop(lines: number, level: Level): void {
    this.#dropped += Math.max(1, lines);
    if (!passes(this.#level, level)) this.#level = level;
    this.#timer ??= setTimeout(() => this.report(), reportAfterMs).unref();
  }
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines += 1;
  return lines;
}
