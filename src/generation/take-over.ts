/**
 * A new generation takes over. A reload never leaves the socket without a host: the new generation starts beside the old
 * one, takes over when its workers are up, and only then does the old one stop accepting.
 */

import type { HostFacts } from '../engine/host-messages.ts';
import { mayTakeOver } from '../pool/hand-over.ts';
import type { Adoption } from './adoption.ts';
import type { Announcement } from './announcement.ts';
import type { ApplicationRenewal } from './application-renewal.ts';
import type { Generation } from './generation.ts';
import type { HostStart, StartParts } from './host-start.ts';
import { hostStates } from './host-states.ts';
import type { PoolCounters } from './pool-counters.ts';

export interface TakeOverParts extends StartParts {
  readonly counters: PoolCounters;
  readonly start: HostStart;
  readonly adoption: Adoption;
  readonly announcement: Announcement;
  readonly renewal: ApplicationRenewal;
}

export class TakeOver {
  readonly #parts: TakeOverParts;

  constructor(parts: TakeOverParts) {
    this.#parts = parts;
  }

  /** Once: the host's published data is read now, because its workers could change it later. */
  ready(generation: Generation, facts: HostFacts): void {
    const { counters, start, supervisor } = this.#parts;
    if (generation.host.state === hostStates.ending) return;
    const mayDrain = (generation.isAdopted || generation.acceptsAhead) && generation.facts === undefined;
    const isLeaving = mayDrain && generation.host.state === hostStates.draining;
    generation.expect('ready', [isLeaving ? hostStates.draining : hostStates.starting]);
    generation.facts = facts;
    generation.stacks.learn();
    if (generation.isAdopted) counters.adopted(generation);
    if (isLeaving) return;
    generation.host.moveTo(hostStates.ready);
    start.progress(generation);
    if (!generation.isAdopted) supervisor.staffing.start(generation);
    this.whenUp(generation);
  }

  /** One more of its workers is up. */
  cameCloser(generation: Generation): void {
    this.#parts.start.progress(generation);
    this.whenUp(generation);
    this.#parts.announcement.whenUp(generation);
  }

  /** Takes over if enough of its workers are up, and it has passed its trial. */
  whenUp(generation: Generation): void {
    const { hosts, services } = this.#parts;
    const { state } = generation.host;
    // One on trial serves already.
    if (generation !== hosts.next || (state !== hostStates.ready && state !== hostStates.serving)) return;
    const old = hosts.serving;
    if (!mayTakeOver(generation.startProgress(services.now()), old !== undefined)) return;
    if (old !== undefined && !hosts.trial.isPassed(generation, old)) return;
    this.#takeOver(generation, old);
  }

  /** It accepts beside the serving one. */
  startTrial(generation: Generation): void {
    generation.host.moveTo(hostStates.serving);
    this.#parts.start.letAccept(generation, { isOnTrial: true });
  }

  /** The serving host died during a trial: what is on trial is all that there is. */
  endTrialAlone(): void {
    const { serving, next, trial } = this.#parts.hosts;
    if (serving === undefined && next !== undefined && trial.isCanary(next)) this.#takeOver(next, undefined);
  }

  #takeOver(generation: Generation, old: Generation | undefined): void {
    const { hosts, services, start, announcement, renewal, adoption } = this.#parts;
    hosts.trial.end();
    if (generation.host.state !== hostStates.serving) generation.host.moveTo(hostStates.serving);
    if (generation.acceptsAhead) start.cover(generation, false);
    else start.letAccept(generation);
    hosts.serving = generation;
    hosts.next = undefined;
    hosts.pool = hosts.nextPool ?? hosts.pool;
    generation.tookOver(services.now());
    renewal.followFiles(generation);
    announcement.begin(generation, old);
    if (old !== undefined) hosts.departures.drain(old);
    if (generation.isAdopted) adoption.complete(generation);
  }
}
