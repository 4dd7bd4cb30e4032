/** The end of a master: told to, at once or later, or by a failure. */

import type { MasterParts } from './master-parts.ts';
import { type MasterState, masterStates } from './master-states.ts';

export class MasterEnding {
  readonly #parts: MasterParts;
  readonly #cancelUpgrade: () => void;
  #isEnding = false;

  constructor(parts: MasterParts, cancelUpgrade: () => void) {
    this.#parts = parts;
    this.#cancelUpgrade = cancelUpgrade;
  }

  /** An order to end, with the running requests (`finishing`) or without them (`terminating`). */
  order(state: MasterState, notice: string): void {
    if (!this.#leave()) this.stop(state, notice);
  }

  /**
   * With `shutdown.delay` the first order to stop takes effect later: load balancers see `/readyz` fail and move on
   * meanwhile.
   *
   * @returns false to stop now
   */
  #leave(): boolean {
    const { configuration, stage, queue, options, systemd, reloads } = this.#parts;
    const { 'shutdown.delay': seconds } = configuration.global;
    if (!stage.leave(seconds, () => queue.enqueue({ type: 'leave' }))) return false;
    options.log.notice(`Leaving: accepting for ${seconds} more seconds, not ready any more`);
    systemd.stopping();
    reloads.impossible('the master is leaving');
    return true;
  }

  stop(state: MasterState, notice: string | undefined): void {
    const { options, stage, reloads, systemd, resources, pools, survival } = this.#parts;
    // As in php-fpm the line reports the signal, even if it has no effect any more.
    if (notice !== undefined) options.log.notice(notice);
    if (stage.refuses(state)) return;
    this.#cancelUpgrade();
    // After a start that failed they serve on.
    if (stage.state !== masterStates.starting) survival?.releaseRest();
    if (state === masterStates.terminating) survival?.endRestAtOnce();
    stage.moveTo(state);
    reloads.impossible(`the master is ${state}`);
    systemd.stopping();
    resources.closeStatusPages();
    if (pools.all.length === 0) return this.finishStop();
    for (const runner of pools.all) {
      const end = (): void => (state === masterStates.terminating ? runner.terminate() : runner.finish());
      pools.end(runner, 'stopping', end);
    }
  }

  /** No host is left. A plan in progress first gives back what it opened. */
  finishStop(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    void this.#parts
      .changed()
      .then(() => this.#parts.survival?.ended())
      .then(() => this.#end());
  }

  #end(): void {
    this.#parts.options.log.notice('exiting, bye-bye!');
    try {
      this.#release();
    } finally {
      // Waiters for the end must not wait for ever: the process would end without a word.
      this.#parts.started.resolve('stopped');
      this.#parts.closed.resolve(undefined);
    }
  }

  /** Frees everything that the master made; idempotent. */
  #release(): void {
    this.#parts.stopActing();
    this.#parts.survival?.close();
    this.#parts.resources.release();
  }

  /**
   * After a failed start: ends everything that was started; settles when nothing is left. While hosts run, the queue
   * has to stay open until they are gone.
   */
  async abandon(): Promise<void> {
    const { pools, survival, resources, closed } = this.#parts;
    if (pools.all.length === 0) {
      // Hosts and sockets that outlived the last master wait for another one.
      survival?.leave();
      resources.leaveSurvivors();
      return this.#release();
    }
    this.stop(masterStates.terminating, undefined);
    await closed.promise;
  }

  /**
   * Something that concerns all pools failed. Running requests finish, within a limit, before the master ends and
   * another one is started; a second failure ends it at once.
   */
  fail(error: unknown): void {
    const { stage, options, started, survival, closed } = this.#parts;
    if (this.#parts.failure !== undefined || stage.isStopping) throw error;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#parts.failure = failure;
    const { state } = stage;
    // The master before is told, and goes on with the hosts.
    if (state === masterStates.starting && options.predecessor !== undefined) return started.reject(failure);
    const isServing = ![masterStates.starting, masterStates.finishing, masterStates.terminating].some(
      (other) => other === state,
    );
    const survives = isServing && survival?.isActive === true;
    options.log.alert(
      `the master failed and ends, its hosts ${survives ? 'serve on' : 'finish what they run'}: ${failure.message}`,
    );
    for (const place of (failure.stack ?? '').split('\n').slice(1)) options.log.alert(place.trim());
    // Nothing is given back: the next master takes it over.
    if (survives) closed.resolve(undefined);
    else this.stop(masterStates.finishing, undefined);
  }
}
