/** Ends workers whose request takes too long, or too much memory, and writes slow requests down. */

import type { LogMessage } from '../pool/messages.ts';
import { checkTimeouts, type Overdue, type TimedWorker } from '../pool/timeouts.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import type { Generation } from './generation.ts';
import type { MasterServices } from './master-services.ts';
import type { MemoryWatch } from './memory-watch.ts';
import type { PoolCounters } from './pool-counters.ts';
import { showsQuery } from './shown-query.ts';
import { writeSlowLog } from './slow-log.ts';

export class RequestDeadlines {
  readonly #services: Pick<MasterServices, 'log' | 'onSlowRequest'>;
  readonly #counters: PoolCounters;
  readonly #memory: MemoryWatch;

  constructor(
    services: Pick<MasterServices, 'log' | 'onSlowRequest'>,
    counters: PoolCounters,
    memory: MemoryWatch,
  ) {
    this.#services = services;
    this.#counters = counters;
    this.#memory = memory;
  }

  /** request_terminate_timeout and request_slowlog_timeout. Includes draining generations. */
  check(generation: Generation): void {
    const withQuery = showsQuery(generation, this.#services.log);
    this.#memory.checkHard(generation, withQuery);
    const timed: TimedWorker[] = [];
    for (const { slot, pid, slowLogged } of generation.workers.all()) {
      const snapshot = pid === 0 ? undefined : generation.reader.readSlot(slot);
      if (snapshot !== undefined) timed.push({ snapshot, pid, slowLogged });
    }
    const { slow, terminate } = checkTimeouts(generation.pool, timed, monotonicMicros(), withQuery);
    for (const one of slow) this.#slow(generation, one);
    for (const { slot, message } of terminate) this.#terminate(generation, slot, message);
  }

  #slow(generation: Generation, { slot, pid, acceptedClockMicros, message }: Overdue): void {
    const worker = generation.workers.get(slot);
    if (worker === undefined) return;
    worker.slowLogged = acceptedClockMicros;
    generation.slowRequests += 1;
    generation.scoreboard.slowed(generation.slowRequests);
    this.#services.log.aboutRequest(message.level, message.text, message.requestId);
    const request = writeSlowLog(generation, slot, pid, this.#services.log);
    if (request !== undefined) this.#services.onSlowRequest(request);
  }

  #terminate(generation: Generation, slot: number, message: LogMessage): void {
    const worker = generation.workers.get(slot);
    // It is named at every check until it has ended; a host that does not end it is handled elsewhere.
    if (worker === undefined || worker.timedOut) return;
    this.#services.log.aboutRequest(message.level, message.text, message.requestId);
    worker.timedOut = true;
    this.#counters.terminated();
    generation.endWorker(slot, 'timeout');
  }
}
