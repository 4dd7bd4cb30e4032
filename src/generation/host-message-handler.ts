/** Dispatches messages of a pool's host to the responsible part of the pool. */

import { ContractError } from '../engine/contract.ts';
import type { HostMessage } from '../engine/host-messages.ts';
import type { PoolVoice } from '../log/pool-voice.ts';
import type { Generation } from './generation.ts';
import { noteHalted } from './halted-workers.ts';
import { hostStates } from './host-states.ts';
import type { HostSuccession } from './host-succession.ts';
import type { MasterServices } from './master-services.ts';
import type { WorkerSupervisor } from './worker-supervisor.ts';

/** A host that asks for the next generation repeatedly gets one a minute, ms. */
const renewalPause = 60_000;

export class HostMessageHandler {
  readonly #services: Pick<MasterServices, 'isNormal' | 'log' | 'now'>;
  readonly #voice: PoolVoice;
  readonly #supervisor: WorkerSupervisor;
  readonly #succession: HostSuccession;

  constructor(
    services: Pick<MasterServices, 'isNormal' | 'log' | 'now'>,
    voice: PoolVoice,
    supervisor: WorkerSupervisor,
    succession: HostSuccession,
  ) {
    this.#services = services;
    this.#voice = voice;
    this.#supervisor = supervisor;
    this.#succession = succession;
  }

  /** @throws ContractError for a message that is not allowed now */
  handle(generation: Generation, message: HostMessage): void {
    switch (message.type) {
      case 'orphaned':
        return this.#succession.adoption.orphaned(generation, message.isDraining);
      case 'kept':
        return this.#succession.adoption.kept(generation, message.slot, message.pid);
      case 'ready':
        return this.#succession.takeOver.ready(generation, message.facts);
      case 'failed':
        generation.expect(message.type, [hostStates.starting, hostStates.draining, hostStates.ending]);
        generation.failure = message.reason;
        return;
      case 'up':
        generation.checkPid(message);
        this.#supervisor.up(generation, message.slot, message.pid);
        return this.#succession.takeOver.cameCloser(generation);
      case 'boot-failed':
        expectWorkerMode(generation, message.type);
        generation.checkPid(message);
        return this.#succession.bootFailed(generation, message.reason);
      case 'renew':
        expectWorkerMode(generation, message.type);
        return this.#succession.renewal.renew(generation, message.reason, renewalPause);
      case 'wanted':
        expectWorkerMode(generation, message.type);
        return this.#supervisor.staffing.wanted(generation);
      case 'memory':
        generation.checkOffer(message);
        return this.#takeMemory(generation, message.slot, message.pid);
      case 'no-memory':
        generation.checkOffer(message);
        return generation.stacks.refuse(message.slot, message.reason);
      case 'halted':
        generation.checkPid(message);
        return noteHalted(generation, message, this.#services.now());
      case 'ended':
        return this.#supervisor.ended(generation, message, this.#succession.hosts.accepts(generation));
      case 'status':
        return generation.statusDesk.ask(message);
      case 'alive':
        return generation.watch.answered(message.id);
      case 'waiting':
        generation.host.tookWatch();
        if (message.slot !== undefined) return this.#supervisor.staffing.madeByHost(generation, message.slot);
        if (this.#succession.hosts.accepts(generation) && this.#services.isNormal())
          this.#supervisor.staffing.waiting(generation);
        return;
      case 'output':
        if (!generation.hasVoice(message)) return;
        return generation.output.write(message.pid, message.stream, message.bytes, message.requestId);
      case 'flush':
        if (!generation.hasVoice(message)) return;
        return generation.output.flush(message.pid);
      case 'log':
        return this.#voice.message(message.level, message.text);
      case 'stopped':
        generation.expect(message.type, [hostStates.draining, hostStates.ending]);
        return this.#succession.announcement.acceptsNoMore(generation);
      case 'drained':
        generation.expect(message.type, [hostStates.draining, hostStates.ending]);
        return this.#succession.endings.drained(generation);
      default:
        throw new Error(`no handler for the host message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #takeMemory(generation: Generation, slot: number, pid: number): void {
    try {
      generation.stacks.take(slot, pid, generation.host.descriptorChannel);
    } catch (error) {
      this.#services.log.warning(
        `[pool ${generation.name}] child ${pid} cannot be looked into: ${(error as Error).message}`,
      );
    }
  }
}

/** @throws ContractError */
function expectWorkerMode({ pool }: Generation, message: string): void {
  if (pool['worker.script'] === undefined)
    throw new ContractError(`the host sent "${message}", and its pool has no worker.script`);
}
