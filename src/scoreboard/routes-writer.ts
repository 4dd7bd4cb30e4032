/** Counts requests by route and writes the counts into the scoreboard. */

import { writeSync } from 'node:fs';
import { RouteCounter } from './routes.ts';

/** Delay of writing in milliseconds: the counts are read once a second at most. */
const delay = 250;

export class RoutesWriter {
  readonly #fd: number;
  readonly #position: number;
  readonly #isGathering: boolean;
  readonly #counter = new RouteCounter();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param position of the table in the file
   * @param isGathering writes the changes of a quarter of a second at its end
   */
  constructor(fd: number, position: number, isGathering: boolean) {
    this.#fd = fd;
    this.#position = position;
    this.#isGathering = isGathering;
  }

  /** Counts a request; see {@link RouteCounter.count}. */
  count(...request: Parameters<RouteCounter['count']>): void {
    this.#counter.count(...request);
    if (this.#isGathering) this.#timer ??= setTimeout(() => this.flush(), delay).unref();
    else this.flush();
  }

  /** Writes pending counts. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { start, end } of this.#counter.takeChanges()) {
      writeSync(this.#fd, this.#counter.bytes, start, end - start, this.#position + start);
    }
  }
}
