/**
 * Limits a repeated complaint, such as a file that fails to open for each entry: logged at once, then once a minute.
 */

const silenceMs = 60_000;

export class Complaint {
  #text: string | undefined;
  #saidAt = 0;
  #silent = 0;

  /**
   * @param now monotonic milliseconds
   * @returns the line to log, or undefined when it was logged recently
   */
  about(text: string, now: number): string | undefined {
    if (text === this.#text && now - this.#saidAt < silenceMs) {
      this.#silent += 1;
      return undefined;
    }
    const again =
      text === this.#text && this.#silent > 0 ? ` (and ${this.#silent} times since this was said)` : '';
    this.#text = text;
    this.#saidAt = now;
    this.#silent = 0;
    return `${text}${again}`;
  }

  /** The operation succeeded: the next failure is logged at once. */
  settled(): void {
    this.#text = undefined;
  }
}
