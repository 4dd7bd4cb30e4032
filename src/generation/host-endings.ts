/** The ends of a pool's hosts: discarded before they served, replaced, stopped, at fault, or by themselves. */

import type { PoolVoice } from '../log/pool-voice.ts';
import type { Announcement } from './announcement.ts';
import { type Contained, contain } from './bulkhead.ts';
import type { Generation } from './generation.ts';
import type { HostFailures } from './host-failures.ts';
import { hostStates } from './host-states.ts';
import type { MasterServices } from './master-services.ts';
import type { PoolCounters } from './pool-counters.ts';
import type { PoolHosts } from './pool-hosts.ts';
import type { PoolReports } from './pool-reports.ts';
import type { TakeOver } from './take-over.ts';
import type { WorkerSupervisor } from './worker-supervisor.ts';

export interface EndingParts {
  readonly hosts: PoolHosts;
  readonly services: MasterServices;
  readonly reports: PoolReports;
  readonly supervisor: WorkerSupervisor;
  readonly counters: PoolCounters;
  readonly voice: PoolVoice;
  /** The pool responsible for errors. */
  readonly wall: Contained;
  readonly failures: HostFailures;
  readonly announcement: Announcement;
  readonly takeOver: TakeOver;
}

export class HostEndings {
  readonly #parts: EndingParts;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** Discards the host being started, or on trial. It finishes what it may have accepted already. */
  discardNext(): void {
    const { hosts } = this.#parts;
    const { next } = hosts;
    hosts.nextPool = undefined;
    if (next === undefined) return;
    if (!next.acceptsAhead) return this.#discard(next);
    hosts.release(next);
    hosts.departures.drain(next);
  }

  /** One on trial finishes the requests that it has accepted. */
  #discard(next: Generation): void {
    const { hosts } = this.#parts;
    const hasRequests = hosts.trial.isCanary(next);
    hosts.trial.end();
    hosts.release(next);
    if (hasRequests) hosts.departures.drain(next);
    else hosts.departures.end(next);
  }

  /** The generation does not take over. */
  giveUp(generation: Generation, reason: string): void {
    generation.failure = reason;
    this.#discard(generation);
    this.#parts.failures.gaveUp(reason);
  }

  /** The serving host stops accepting and finishes its requests; it gets no successor. */
  retire(): void {
    const { hosts, failures } = this.#parts;
    failures.restart.cancel();
    if (hosts.serving !== undefined) hosts.departures.drain(hosts.serving);
    hosts.serving = undefined;
  }

  /** Hosts stop accepting and finish their requests; none is started any more. */
  finish(): void {
    this.#parts.hosts.isStopped = true;
    this.discardNext();
    this.retire();
    this.#reportGone();
  }

  /** Ends every host at once; running requests are lost. */
  terminate(): void {
    const { hosts, failures } = this.#parts;
    hosts.isStopped = true;
    failures.restart.cancel();
    for (const generation of hosts.generations()) {
      hosts.release(generation);
      hosts.departures.end(generation);
    }
    hosts.orphans.kill();
    this.#reportGone();
  }

  /** Another master takes over those that have served; one that is being started ends. */
  letGo(): void {
    const { hosts, failures } = this.#parts;
    hosts.isStopped = true;
    failures.restart.cancel();
    for (const generation of hosts.generations()) {
      hosts.release(generation);
      hosts.departures.remove(generation);
      generation.letGo();
    }
  }

  /**
   * Kills the host, even if busy. Its workers, if they are processes, are told to finish their requests and tracked to
   * their end. A worker that was not up yet has nothing to finish, and receives the signal of its host's death.
   */
  abandon(generation: Generation, reason: string): void {
    const { hosts, counters, failures, takeOver } = this.#parts;
    const { host } = generation;
    if (host.state === hostStates.gone) return;
    const wasServing = generation === hosts.serving;
    const wasNext = generation === hosts.next;
    hosts.release(generation);
    if (generation.mayFinish) hosts.orphans.finish(generation);
    hosts.departures.abandon(generation);
    if (!wasServing && !wasNext) return;
    counters.restarted('host');
    if (wasServing) failures.lost(generation, reason);
    else failures.gaveUp(reason);
    takeOver.endTrialAlone();
  }

  /** Whether workers without a host end in time. */
  checkOrphans(now: number): void {
    const { orphans } = this.#parts.hosts;
    if (orphans.size === 0) return;
    orphans.check(now);
    this.#reportGone();
  }

  /** Its workers have ended, and their messages have been read. The host goes once its counts are written down. */
  drained(generation: Generation): void {
    const { hosts, counters } = this.#parts;
    hosts.leaving.add(generation);
    counters.changed();
    setImmediate(() => generation.host.dependOnMaster());
  }

  /** Its host is gone. */
  exited(generation: Generation, code: number | null, signal: NodeJS.Signals | null): void {
    const { hosts, services, voice, announcement } = this.#parts;
    const { state } = generation.host;
    generation.host.moveTo(hostStates.gone);
    const expected = state === hostStates.draining || state === hostStates.ending;
    // First, so that any failure below finds it gone.
    hosts.departures.remove(generation);
    hosts.leaving.delete(generation);
    const wasNext = generation === hosts.next;
    hosts.release(generation);
    announcement.gone(generation);
    hosts.orphans.inherit(generation);
    this.#count(generation);
    services.survival?.forget(generation);
    voice.report();
    generation.close();
    if (!expected) this.#died(generation, wayOfExit(code, signal), wasNext);
    this.#parts.takeOver.endTrialAlone();
    this.#reportGone();
  }

  #count(generation: Generation): void {
    const { supervisor, counters, wall } = this.#parts;
    const count = (): void => {
      supervisor.hostGone(generation);
      counters.generationGone(generation);
    };
    contain(wall, 'counting what its host did', count, generation);
  }

  #died(generation: Generation, how: string, wasNext: boolean): void {
    const { counters, failures } = this.#parts;
    counters.restarted('host');
    const reason = generation.failure ?? `the engine host ${generation.host.pid} exited ${how}`;
    if (wasNext) failures.gaveUp(reason);
    else failures.lost(generation, reason);
  }

  #reportGone(): void {
    const { hosts, reports } = this.#parts;
    if (hosts.isStopped && hosts.isGone) reports.outcome({ type: 'gone' });
  }
}

/** If the host's template had ended, the way of the host's end is unknown. */
function wayOfExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `on signal ${signal}`;
  return code === null ? 'in an unknown way' : `with code ${code}`;
}
