/** Hosts of the last master, which served on while there was none: the latest one serves for this master. */

import { ContractError } from '../engine/contract.ts';
import { initialWorkers, startTimeoutMs, workersForTakeOver } from '../pool/hand-over.ts';
import type { Generation } from './generation.ts';
import type { HostStart, StartParts } from './host-start.ts';
import { hostStates } from './host-states.ts';
import { adoptGeneration } from './launch.ts';
import type { PreparedPool } from './prepared-pool.ts';
import type { Survivors } from './survival.ts';
import type { Survivor } from './survivor.ts';

export class Adoption {
  readonly #parts: StartParts;
  readonly #start: HostStart;

  constructor(parts: StartParts, start: HostStart) {
    this.#parts = parts;
    this.#start = start;
  }

  /**
   * Takes hosts of the last master over: the latest one serves on, the others finish. Where it cannot be had, the pool
   * starts as ever. Where it was made from other settings it is replaced as by a reload.
   */
  begin(pool: PreparedPool, [latest, ...older]: Survivors['hosts']): void {
    const { hosts, services, failures } = this.#parts;
    for (const survivor of older) {
      const generation = this.#adoptOne(pool, survivor);
      if (generation !== undefined) this.#finishOff(generation);
    }
    const isSame = latest.record.fingerprint === pool.fingerprint;
    hosts.adopting = pool;
    hosts.nextPool = isSame
      ? pool
      : { ...pool, config: latest.record.config, fingerprint: latest.record.fingerprint };
    hosts.next = this.#adoptOne(pool, latest);
    if (hosts.next === undefined) return failures.gaveUp('its scoreboard cannot be used');
    services.wakeAt(hosts.next.progressAt + startTimeoutMs(pool.config));
  }

  #adoptOne(pool: PreparedPool, survivor: Survivor): Generation | undefined {
    const { services, reports, voice } = this.#parts;
    try {
      const conditions = { besideOthers: false, voice };
      const generation = adoptGeneration(pool, survivor, conditions, services, (one, event) =>
        reports.hostEvent(one, event),
      );
      this.#start.openStatusDesk(generation);
      return generation;
    } catch (error) {
      services.log.error(
        `[pool ${pool.config.name}] the engine host ${survivor.record.pid} cannot be adopted: ${(error as Error).message}`,
      );
      survivor.process.signal('SIGKILL');
      return undefined;
    }
  }

  /** One that was adopted, and is not to serve. */
  #finishOff(generation: Generation): void {
    if (generation.host.state === hostStates.starting) generation.host.moveTo(hostStates.ready);
    this.#parts.hosts.departures.drain(generation);
  }

  /** First word of an adopted host. @throws ContractError of any other host, and later */
  orphaned(generation: Generation, isDraining: boolean): void {
    const { hosts } = this.#parts;
    expectIntroduction(generation);
    if (!isDraining || generation !== hosts.next) return;
    const pool = hosts.adopting;
    hosts.next = undefined;
    hosts.adopting = undefined;
    this.#finishOff(generation);
    if (pool !== undefined) this.#start.launch(pool, initialWorkers(pool.config));
  }

  /** A worker of an adopted host. @throws ContractError of any other host, and later */
  kept(generation: Generation, slot: number, pid: number): void {
    expectIntroduction(generation);
    generation.keep(slot, pid);
    generation.wantedAtTakeOver += 1;
  }

  /** It has the pool's socket. It serves on if its settings are the pool's, or until its successor serves. */
  complete(generation: Generation): void {
    const { hosts, services, supervisor } = this.#parts;
    const wanted = hosts.adopting;
    hosts.adopting = undefined;
    const isSame = wanted === undefined || wanted.fingerprint === hosts.pool.fingerprint;
    const then = isSame ? '' : ', until one with the new settings serves';
    services.log.notice(
      `[pool ${hosts.pool.config.name}] engine host ${generation.host.pid} of the last master goes on with ${generation.workers.size} workers${then}`,
    );
    if (isSame) return supervisor.staffing.fill(generation);
    this.#start.launch(
      wanted,
      workersForTakeOver(wanted.config, supervisor.staffing.activeWorkers(generation)),
    );
  }
}

/** @throws ContractError where it is no adopted host, or was ready already */
function expectIntroduction(generation: Generation): void {
  if (generation.isAdopted && generation.facts === undefined) return;
  throw new ContractError('the host introduces itself as one of another master');
}
