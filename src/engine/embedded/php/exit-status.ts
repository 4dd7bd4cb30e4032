/** The exit status of a request's script, and the effect of the setting fastcgi.error_header. */

import type { Engine } from './engine.ts';
import type { IniEntries } from './ini-entries.ts';

/** The script that must run before {@link ExitStatus} is created: it sets a status that no other field has. */
export const markedExit = { status: 201_187, script: '<?php exit(201187);' } as const;

/** PHP's status after a fatal error, and of exit(255). */
const failure = 255;
/** Bytes of `executor_globals` that are searched for the field. */
const searchedBytes = 8192;
/** `SAPI_HEADER_REPLACE` */
const replace = 0;
/** `sapi_header_line`: text, length, response code. */
const headerLine = { text: 0, length: 4, code: 8, bytes: 12 } as const;

export class ExitStatus {
  readonly #engine: Engine;
  readonly #entries: IniEntries;
  readonly #field: number;
  readonly #setHeader: (...args: number[]) => Promise<number>;

  /**
   * Create it after the marked script has run: `EG(exit_status)` has another offset in each PHP version.
   *
   * @throws Error when the field cannot be found in this build
   */
  constructor(engine: Engine, entries: IniEntries) {
    this.#engine = engine;
    this.#entries = entries;
    this.#setHeader = engine.suspendable('sapi_header_op');
    const start = engine.address('executor_globals');
    const found: number[] = [];
    for (let at = start; at < start + searchedBytes; at += 4) {
      if (engine.memory.word(at) === markedExit.status) found.push(at);
    }
    const [field] = found;
    if (field === undefined || found.length > 1) {
      throw new Error(`cannot find the exit status in this PHP build: ${found.length} places have it`);
    }
    this.#field = field;
  }

  /** `EG(exit_status)` */
  get value(): number {
    return this.#engine.memory.word(this.#field);
  }

  /** For a request of a booted application. */
  reset(): void {
    this.#engine.memory.setWord(this.#field, 0);
  }

  /** After a failed script, adds the header line that the operator configured for that case. */
  async applyErrorHeader(): Promise<void> {
    const { memory } = this.#engine;
    if (memory.word(this.#field) !== failure) return;
    const line = this.#entries.value('fastcgi.error_header');
    if (line === undefined || line === '') return;
    const header = memory.allocate(headerLine.bytes + line.length + 1);
    memory.writeString(header + headerLine.bytes, line);
    memory.setWord(header + headerLine.text, header + headerLine.bytes);
    memory.setWord(header + headerLine.length, line.length);
    memory.setWord(header + headerLine.code, 0);
    await this.#setHeader(replace, header);
    this.#engine.function('free')(header);
  }
}
