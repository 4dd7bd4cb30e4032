/**
 * A command's messages about its configuration. The lines are php-fpm's, in its order without others between them,
 * since scripts read them; our own explanations (the place, a caret, the remedy) follow as a block at the end, on
 * stderr. With `log_format = json` each message is one object that includes its explanation.
 */

import { isatty } from 'node:tty';
import type { GlobalConfig } from '../config/directives.ts';
import type { ConfigMessage } from '../config/messages.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { decodeText, encodeText } from './binary-text.ts';
import type { ReadConfiguration } from './configuration.ts';
import type { FpmFlags } from './flags.ts';
import { openErrorLog } from './open-error-log.ts';
import { defineProblem } from './php-ini.ts';

export class StartLog {
  readonly log: ErrorLog;
  readonly #explanations: string[] = [];

  constructor(log: ErrorLog) {
    this.log = log;
  }

  /**
   * Reports messages, the later ones into `error_log`, which is opened on the way.
   *
   * @throws the error of open(2) after logging it
   */
  report(read: ReadConfiguration, flags: FpmFlags): void {
    const { log } = this;
    if (read.global !== undefined) {
      log.configure({ level: log.level, limit: log.limit, format: read.global.log_format });
    }
    this.write(read.early);
    if (read.global !== undefined) {
      openErrorLog(this.log, read.global, { useStderr: writesToStderr(read.global, flags) });
    }
    this.write(read.messages);
  }

  write(messages: readonly ConfigMessage[]): void {
    for (const { level, text, raw, detail = [] } of messages) {
      // Texts of the configuration room contain the bytes of the file, in any encoding.
      const bytes = Buffer.from(text, 'latin1');
      if (this.#isJson) {
        this.log.explained(level, bytes, detail.map(decodeText));
        continue;
      }
      if (raw === true) process.stderr.write(`${text}\n`, 'latin1');
      else this.log.write(level, bytes);
      this.#explanations.push(...detail);
    }
  }

  /** From now on messages are shown from notice up, whatever `log_level` is. */
  showNotices(): void {
    const { level, limit, format } = this.log;
    if (level !== 'debug') this.log.configure({ level: 'notice', limit, format });
  }

  /** Adds a line to the block at the end. */
  explainLater(line: string): void {
    if (this.#isJson) this.log.notice(line);
    else this.#explanations.push(encodeText(line));
  }

  get #isJson(): boolean {
    return this.log.format === 'json';
  }

  /** Prints the collected explanations. */
  explain(): void {
    for (const line of this.#explanations.splice(0)) process.stderr.write(`  ${line}\n`, 'latin1');
  }
}

/** In the foreground lines go to a terminal, and with `-O` to stderr of any kind; otherwise into error_log. */
export function writesToStderr(global: GlobalConfig, flags: FpmFlags): boolean {
  return !global.daemonize && (flags.forceStderr || isatty(2));
}

/** PHP's own line about invalid `-d` values; it starts without them. */
export function reportDefines({ defines }: FpmFlags): void {
  const problem = defineProblem(defines);
  if (problem !== undefined) process.stderr.write(`${problem}\n`, 'latin1');
}
