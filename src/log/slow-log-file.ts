/** The file of a slow log. It is opened for each entry, so that rotation needs no signal. */
import { closeSync } from 'node:fs';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { Complaint } from './complaint.ts';
import type { ErrorLog } from './error-log.ts';
import { failureText, LineWriter } from './file.ts';
import { openLogFile } from './open-file.ts';

export class SlowLogFile {
  readonly #path: string;
  readonly #owners: readonly number[];
  readonly #log: ErrorLog;
  readonly #complaint = new Complaint();

  /** @param owners users other than root that may own the file in a folder that others may write */
  constructor(path: string, owners: readonly number[], log: ErrorLog) {
    this.#path = path;
    this.#owners = owners;
    this.#log = log;
  }

  /** Appends an entry. The error log reports failures, at a limited rate. */
  append(entry: Uint8Array): void {
    try {
      this.#write(entry);
      this.#complaint.settled();
    } catch (error) {
      const text = `unable to open slowlog (${this.#path}): ${failureText(error)}`;
      const line = this.#complaint.about(text, monotonicMicros() / 1000);
      if (line !== undefined) this.#log.error(line);
    }
  }

  #write(entry: Uint8Array): void {
    const fd = openLogFile(this.#path, this.#owners);
    try {
      new LineWriter(fd).write(entry);
    } finally {
      closeSync(fd);
    }
  }
}
