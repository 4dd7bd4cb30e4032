/** The start of a master: from its sockets, or those of the master before, to the first line that says it is ready. */

import type { PoolRunner } from '../generation/pool-runner.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import { Abandoned } from '../runtime/turns.ts';
import { applyPools } from './apply-plan.ts';
import type { MasterParts } from './master-parts.ts';
import { masterStates } from './master-states.ts';
import type { Plan } from './plan.ts';
import type { Predecessor } from './predecessor.ts';

/** Steps that the start leaves to the master. */
export interface StartSteps {
  /** No pool can run. */
  readonly terminate: () => void;
  /** The start is over: begins what was asked for meanwhile. */
  readonly goOn: () => void;
  readonly fail: (error: unknown) => void;
}

export class MasterStart {
  readonly #parts: MasterParts;
  readonly #steps: StartSteps;
  /** The master before this one is told that this one serves. */
  #isSucceeding = false;

  constructor(parts: MasterParts, steps: StartSteps) {
    this.#parts = parts;
    this.#steps = steps;
  }

  /**
   * Binds the sockets, writes the pid file, and starts the pools.
   *
   * @returns false if the master was told to stop
   * @throws MasterStartError
   */
  async run(): Promise<boolean> {
    const { options, stage, resources, intervals, configuration } = this.#parts;
    const { predecessor, log } = options;
    const turns = this.#parts.turns();
    let plan: Plan;
    try {
      plan = await resources.plan(configuration, turns);
    } catch (error) {
      // The signal arrived while the sockets were being opened.
      if (error instanceof Abandoned) return false;
      throw error;
    }
    if (predecessor !== undefined) await this.#succeed(plan, predecessor);
    if (stage.isStopping) {
      plan.discard();
      return false;
    }
    plan.commit();
    log.bound();
    log.notice(`fpm is running, pid ${process.pid}`);
    intervals.start(configuration);
    if ((await applyPools(this.#parts, plan, 'all', turns)) === undefined) return false;
    // Sockets of a predecessor that no pool uses.
    if (stage.state === masterStates.starting) resources.retain(this.#parts.runners);
    return true;
  }

  /** Has the hosts of the master before. @throws MasterStartError, after which it has everything */
  async #succeed(plan: Plan, predecessor: Predecessor): Promise<void> {
    const { survival, memory } = this.#parts;
    try {
      await predecessor.prepared();
      survival?.succeed(predecessor.sockets.placed);
      this.#parts.generationNumber = survival?.lastGeneration ?? 0;
      memory.restore();
    } catch (error) {
      plan.discard();
      throw new MasterStartError((error as Error).message);
    }
  }

  /** Every pool has its outcome. */
  settle(): void {
    const { options, runners, started } = this.#parts;
    if (options.predecessor !== undefined) return this.#settleSuccession(options.predecessor);
    if (runners.every((runner) => runner.serving === undefined && !runner.isAsleep)) {
      started.reject(new MasterStartError('no pool could be started'));
      return this.#steps.terminate();
    }
    this.#begin();
  }

  /** The master before goes as soon as this one serves everything that it had served. */
  #settleSuccession(predecessor: Predecessor): void {
    const { runners, started, stage } = this.#parts;
    const failed = runners.filter((runner) => predecessor.serves.has(runner.name) && !isServed(runner));
    const [first] = failed;
    if (first !== undefined) {
      const reason = `pool ${first.name}: ${first.failure ?? 'no host serves it'}`;
      return started.reject(new MasterStartError(reason));
    }
    if (this.#isSucceeding) return;
    this.#isSucceeding = true;
    const begin = (): void => {
      if (!stage.isStopping) this.#begin();
    };
    void this.#parts
      .change(() => predecessor.serving().then(begin))
      .catch((error: unknown) => this.#steps.fail(error));
  }

  #begin(): void {
    const { memory, options, started, stage } = this.#parts;
    memory.save();
    this.releaseRest();
    options.archive?.keep({ by: 'the start', why: 'start' });
    this.announceReady();
    started.resolve('serving');
    stage.started();
    this.#steps.goOn();
  }

  /** Hosts of the last master that cannot be gone on with finish, once others serve in their place. */
  releaseRest(): void {
    const unserved = this.#parts.runners.filter((runner) => !isServed(runner));
    this.#parts.survival?.releaseRest(new Set(unserved.map(({ name }) => name)));
  }

  /** After a start, and after a reload. */
  announceReady(): void {
    const { options, systemd, survival } = this.#parts;
    options.log.notice('ready to handle connections');
    systemd.ready();
    survival?.ready();
  }
}

/** By a host, or by the first connection that comes. */
export function isServed(runner: PoolRunner): boolean {
  return runner.serving !== undefined || runner.isAsleep;
}
