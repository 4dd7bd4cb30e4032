/** Parses the bytes of a terminal in raw mode into keys. */

import { isUnsafe } from '../text/unsafe.ts';

/** Names of keys other than characters; a character is its own name. */
const sequences: Readonly<Record<string, string>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  '\x1b[5~': 'pageup',
  '\x1b[6~': 'pagedown',
  '\x1b[H': 'home',
  '\x1bOH': 'home',
  '\x1b[1~': 'home',
  '\x1b[F': 'end',
  '\x1bOF': 'end',
  '\x1b[4~': 'end',
  '\x1b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x03': 'interrupt',
  '\x1a': 'suspend',
  '\f': 'redraw',
};

/** A whole control sequence (ECMA-48), an application key, or one character; an incomplete key waits for more bytes. */
const nextKey = /^(?:\x1b\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|\x1bO.|\x1b(?![[O])|[^\x1b])/su;
const begun = /^\x1b(?:\[[\x30-\x3f]*[\x20-\x2f]*|O)$/;

export class KeyReader {
  readonly #decoder = new TextDecoder();
  #rest = '';

  /** The complete keys; unknown sequences and control characters are skipped. */
  read(bytes: Uint8Array): string[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const keys: string[] = [];
    while (this.#rest !== '') {
      const [match] = nextKey.exec(this.#rest) ?? [];
      if (match === undefined) {
        if (begun.test(this.#rest)) break;
        this.#rest = this.#rest.slice(1);
        continue;
      }
      this.#rest = this.#rest.slice(match.length);
      const key = Object.hasOwn(sequences, match) ? sequences[match] : match;
      if (key !== undefined && !isUnsafe(key)) keys.push(key);
    }
    return keys;
  }
}
