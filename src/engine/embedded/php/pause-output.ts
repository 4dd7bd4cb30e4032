/** Output of a booted application beside requests: it goes to the worker's log, and a head is dropped. */

import { binaryOf } from '../../../text/binary.ts';
import { Variables } from '../shared/variables.ts';
import type { ApplicationParts } from './application-parts.ts';
import { BodyQueue } from './body.ts';
import type { ResponseSink, SapiRequest } from './sapi.ts';

/** The script's output and the message of a failed boot. */
const printedMost = 512;

export class PauseOutput {
  readonly #parts: Pick<ApplicationParts, 'sapi' | 'output' | 'phpLog'>;
  #printed = '';

  constructor(parts: Pick<ApplicationParts, 'sapi' | 'output' | 'phpLog'>) {
    this.#parts = parts;
  }

  /** Its first bytes. */
  get printed(): string {
    return this.#printed;
  }

  /** The request of nobody. */
  request(): SapiRequest {
    const sink: ResponseSink = {
      head: () => {},
      body: (bytes) => {
        this.#print(bytes);
        return true;
      },
      flush: () => {},
      finished: () => {},
      log: (bytes) => this.#parts.phpLog(bytes),
    };
    return { params: Variables.of([]), phpSelf: '', body: new BodyQueue(0), sink, isHandled: true };
  }

  /** The pause is over: what PHP still holds leaves too. */
  takeRest(): void {
    const rest = this.#parts.sapi.end();
    if (rest !== '') this.#print(new Uint8Array(Buffer.from(rest, 'latin1')));
  }

  #print(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#printed.length < printedMost) {
      this.#printed = `${this.#printed}${binaryOf(bytes)}`.slice(0, printedMost);
    }
    this.#parts.output('stderr', bytes);
  }
}
