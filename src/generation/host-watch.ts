/** Checks that a host and its workers obey, and ends workers when the host does not. */

import { ContractError } from '../engine/contract.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { answerLiveness, checkLiveness, newLiveness, pardon } from '../pool/liveness.ts';
import { type HostPatience, nextEndStep } from '../pool/obedience.ts';
import { isDebugged } from './debugged.ts';
import type { HostProcess } from './host-process.ts';
import { type HostState, hostStates } from './host-states.ts';
import type { WorkerTable } from './worker-table.ts';

/** States in which a host's event loop answers. */
const answering: readonly HostState[] = [hostStates.ready, hostStates.serving, hostStates.draining];

/** A host and its workers. */
export interface WatchedHost {
  /** Of the pool. */
  readonly name: string;
  readonly host: Pick<HostProcess, 'pid' | 'state' | 'askAlive' | 'endWorker'>;
  readonly workers: Pick<WorkerTable, 'all' | 'force'>;
}

export class HostWatch {
  readonly #rule: HostPatience;
  readonly #log: ErrorLog;
  #liveness = newLiveness;
  #isLate = false;

  constructor(rule: HostPatience, log: ErrorLog) {
    this.#rule = rule;
    this.#log = log;
  }

  /** The host does not answer, but has not been abandoned yet. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** @throws ContractError when nothing was asked */
  answered(id: string): void {
    const memory = answerLiveness(this.#liveness, id);
    if (memory === undefined) throw new ContractError(`the host sent "alive ${id}", which was not asked`);
    this.#liveness = memory;
    this.#isLate = false;
  }

  /**
   * Once a second.
   *
   * @param now monotonic ms
   * @returns the reason for replacing the host; undefined to keep it
   */
  check(watched: WatchedHost, now: number): string | undefined {
    if (!answering.includes(watched.host.state)) return undefined;
    return this.#checkLiveness(watched, now) ?? this.#checkWorkers(watched, now);
  }

  #checkLiveness({ host, name }: WatchedHost, now: number): string | undefined {
    const { memory, asks, verdict } = checkLiveness(this.#rule, this.#liveness, now);
    this.#liveness = memory;
    if (asks) host.askAlive(String(memory.question));
    this.#isLate = verdict !== 'alive';
    if (verdict !== 'dead') return undefined;
    if (isDebugged(host.pid)) {
      this.#liveness = pardon(memory);
      this.#log.notice(`[pool ${name}] the engine host ${host.pid} does not answer: a debugger has it`);
      return undefined;
    }
    const seconds = Math.round(this.#rule.deadMs / 1000);
    return `the engine host ${host.pid} has not answered for ${seconds} seconds: it is ended with its workers`;
  }

  #checkWorkers({ host, name, workers }: WatchedHost, now: number): string | undefined {
    for (const { slot, pid, ending, process } of workers.all()) {
      if (ending === undefined) continue;
      const step = nextEndStep(ending, process?.isAlive === true, now, this.#rule);
      if (step === 'replaceHost') {
        return `the engine host ${host.pid} does not end child ${pid || `of slot ${slot}`}: it is ended with its workers`;
      }
      if (step !== 'force') continue;
      this.#log.warning(
        `[pool ${name}] child ${pid} has not ended within ${this.#rule.obeyMs / 1000} seconds: it is killed`,
      );
      process?.signal('SIGKILL');
      host.endWorker(slot, 'kill');
      workers.force(slot, now);
    }
    return undefined;
  }
}
