/** Departing generations of a pool: they drain, or were hung up on, until their host is gone. */

import { drainDeadline, hangUpGraceMs } from '../pool/hand-over.ts';
import type { Generation } from './generation.ts';
import { hostStates } from './host-states.ts';
import type { MasterServices } from './master-services.ts';

export class Departures {
  readonly #services: MasterServices;
  readonly #generations = new Set<Generation>();

  constructor(services: MasterServices) {
    this.#services = services;
  }

  get generations(): ReadonlySet<Generation> {
    return this.#generations;
  }

  /** It stops accepting and finishes its requests, until its deadline. */
  drain(generation: Generation): void {
    const deadline = drainDeadline(
      this.#services.now(),
      this.#services.processControlTimeout(),
      generation.pool.request_terminate_timeout,
    );
    this.#generations.add(generation);
    generation.drainDeadline = deadline;
    generation.host.moveTo(hostStates.draining);
    generation.host.drain();
    if (deadline !== undefined) this.#services.wakeAt(deadline);
  }

  /** Hangs up on the host: it ends its workers and exits, or is killed. Idempotent. */
  end(generation: Generation): void {
    this.#generations.add(generation);
    generation.mayFinish = false;
    if (generation.host.state === hostStates.ending) return;
    generation.host.moveTo(hostStates.ending);
    generation.drainDeadline = this.#services.now() + hangUpGraceMs;
    generation.host.hangUp();
    this.#services.wakeAt(generation.drainDeadline);
  }

  /**
   * Kills the host, because its orders and reports no longer count; workers that are processes finish their requests.
   */
  abandon(generation: Generation): void {
    this.#generations.add(generation);
    if (generation.host.state === hostStates.gone) return;
    if (generation.host.state !== hostStates.ending) generation.host.moveTo(hostStates.ending);
    generation.host.ignore();
    // Killed again at each check until it is gone.
    generation.drainDeadline = this.#services.now();
    generation.host.kill();
  }

  /** Takes the next, harder step after a missed deadline. */
  check(generation: Generation, now: number): void {
    const { host, name, drainDeadline: deadline } = generation;
    if (deadline === undefined || now < deadline) return;
    if (host.state === hostStates.draining) {
      this.#services.log.debug(`[pool ${name}] requests did not finish in time, terminating them`);
      this.end(generation);
    } else if (host.state === hostStates.ending) {
      host.kill();
    }
  }

  /** Its host is gone. */
  remove(generation: Generation): void {
    this.#generations.delete(generation);
  }
}
