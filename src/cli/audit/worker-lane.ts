/** Requests to the one worker of a pool, each with the worker's state before and after it. */

import type { Outcome } from '../../audit/answer.ts';
import type { FreshStep } from '../../audit/observation.ts';
import type { Handled, Rest } from '../../audit/report-lines.ts';
import { type AuditRequest, type AuditSite, fastCgiParams, markPrefix } from '../../audit/request.ts';
import type { EventLine } from './reports.ts';
import { send } from './send.ts';

/** The application could not be booted, or a worker tells nothing. */
export class AuditError extends Error {}

export interface LaneOptions {
  readonly socket: string;
  readonly events: EventLine;
  readonly site: AuditSite;
  /** Its workers serve one request each. */
  readonly isFresh: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly bootTimeout: number;
  /** Aborted when the audit is to end, with the reason. */
  readonly signal: AbortSignal;
}

/** A worker whose request was given up is ended by the master, which looks once a second. */
const graceMs = 5000;

export class WorkerLane {
  readonly #options: LaneOptions;
  /** The worker waits; undefined while it serves, boots or ends. */
  #waiting: Rest | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** @throws AuditError */
  async run(request: AuditRequest, index: number, sequence: number): Promise<FreshStep> {
    const { socket, site, timeout, signal } = this.#options;
    const before = await this.#ready();
    this.#waiting = undefined;
    // As long as any other: the memory for it is no difference.
    const mark = `${markPrefix}${String(sequence).padStart(6, '0')}-${crypto.randomUUID()}`;
    const outcome: Outcome = await send({
      socket,
      params: fastCgiParams(request, site, mark),
      body: request.body,
      timeout,
      signal,
    });
    signal.throwIfAborted();
    return { request: index, sequence, outcome, before, ...(await this.#behind()) };
  }

  /** The state after a request: its handler's end, and the worker at rest or gone. */
  async #behind(): Promise<{ handled: Handled | undefined; after: Rest | undefined }> {
    let handled: Handled | undefined;
    for (;;) {
      const event = await this.#next(this.#options.timeout + graceMs, 'tells nothing after a request');
      switch (event.event) {
        case 'handled':
          handled = event;
          break;
        case 'rest':
          if (!event.ended && !this.#options.isFresh) this.#waiting = event;
          return { handled, after: event };
        case 'gone':
          return { handled, after: undefined };
        case 'broken':
          throw new AuditError(`a worker of the audit told something unexpected: ${event.why}`);
        case 'worker':
          break;
        default:
          throw new Error(`no handler for the event ${JSON.stringify(event satisfies never)}`);
      }
    }
  }

  /** A booted application that waits for a request; in a fresh worker, for its first. */
  async #ready(): Promise<Rest> {
    while (this.#waiting === undefined) {
      const event = await this.#next(
        this.#options.bootTimeout + graceMs,
        'did not boot the application in time',
      );
      if (event.event === 'broken')
        throw new AuditError(`a worker of the audit told something unexpected: ${event.why}`);
      if (event.event === 'rest' && event.served === 0) this.#waiting = event;
    }
    return this.#waiting;
  }

  async #next(limit: number, what: string) {
    const late = AbortSignal.timeout(limit);
    const { signal, events, isFresh } = this.#options;
    try {
      return await events.next(AbortSignal.any([late, signal]));
    } catch (error) {
      if (signal.aborted || !late.aborted) throw error;
      throw new AuditError(`the ${isFresh ? 'fresh' : 'warm'} worker ${what}`);
    }
  }
}
