/** Trouble that comes again and again, as with a file that is opened for each entry: said at once, then once a minute. */

const silenceMs = 60_000;

export class Complaint {
  #text: string | undefined;
  #saidAt = 0;
  #silent = 0;

  /**
   * @param now monotonic milliseconds
   * @returns the line to log, undefined where it was said already
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

  /** It went well: the next trouble is new. */
  settled(): void {
    this.#text = undefined;
  }
}
