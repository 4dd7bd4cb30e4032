/** An upgrade in place: another program becomes the master of the same hosts and sockets, or nothing changes. */

import type { UpgradeResult } from '../figures/answers.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { MasterStage } from './master-stage.ts';
import { masterStates } from './master-states.ts';
import type { MasterEnd, Successor } from './predecessor.ts';
import type { SocketsBefore } from './resources.ts';

/** Longest time between two masters, ms: hosts do by themselves meanwhile. */
const takeOverMs = 60_000;

/** Parts of the master that an upgrade needs. */
export interface UpgradeParts {
  readonly log: ErrorLog;
  readonly stage: MasterStage;
  /**
   * Starts the program; undefined where no other process can be the master.
   *
   * @throws Error with the reason in words for the operator
   */
  readonly start: ((program: string | undefined) => Promise<Successor>) | undefined;
  /** `survive`, ms; 0 where hosts end with this master. */
  readonly surviveMs: () => number;
  readonly sockets: () => SocketsBefore;
  /** Names of pools that serve or sleep. */
  readonly serves: () => readonly string[];
  /** Stops acting; hosts and sockets are free. */
  readonly letGo: () => SocketsBefore;
  /** systemd and signals that came meanwhile. */
  readonly passOn: (pid: number) => void;
  /** The upgrade is over, and this master goes on. */
  readonly goOn: () => void;
  readonly end: (end: MasterEnd) => void;
  /** The end of a master that has let go. */
  readonly takesBack: (sockets: SocketsBefore, done: () => void) => MasterEnd;
}

export class MasterUpgrade {
  readonly #parts: UpgradeParts;
  #successor: Successor | undefined;
  #isCancelled = false;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
  }

  /** Never rejects. @param program undefined for that of this process */
  async request(program: string | undefined): Promise<UpgradeResult> {
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) return this.#refused(obstacle);
    const { stage, log } = this.#parts;
    stage.moveTo(masterStates.upgrading);
    this.#isCancelled = false;
    try {
      const successor = await this.#prepare(program);
      return await this.#handOver(successor);
    } catch (error) {
      const result = this.#refused((error as Error).message);
      // A stop has its own end.
      if (!this.#isCancelled) {
        stage.moveTo(masterStates.normal);
        this.#parts.goOn();
      }
      return result;
    } finally {
      this.#successor = undefined;
      log.debug('the upgrade is over');
    }
  }

  /** The master is told to stop: it stays the master. */
  cancel(): void {
    this.#isCancelled = true;
    void this.#successor?.end();
  }

  #obstacle(): string | undefined {
    const { stage, start, surviveMs } = this.#parts;
    if (start === undefined) return 'this master runs in another program';
    if (stage.state === masterStates.upgrading) return 'another upgrade is under way';
    if (stage.state !== masterStates.normal || stage.isLeaving)
      return `the master is ${stage.shown}: ask again when it serves as usual`;
    if (surviveMs() === 0)
      return 'its hosts would end with it: set survive in [global], and see the log for what hinders it';
    return undefined;
  }

  async #prepare(program: string | undefined): Promise<Successor> {
    const { log, start, sockets, serves } = this.#parts;
    if (start === undefined) throw new Error('this master runs in another program');
    log.notice(`upgrade: starting ${program ?? 'the program on disk'}`);
    const successor = await start(program);
    this.#successor = successor;
    this.#check();
    await successor.prepare(sockets(), serves());
    this.#check();
    return successor;
  }

  #check(): void {
    if (!this.#isCancelled) return;
    void this.#successor?.end();
    throw new Error('the master was told to stop');
  }

  /** From here to its end there is no master: hosts do by themselves. */
  async #handOver(successor: Successor): Promise<UpgradeResult> {
    const { log, letGo, passOn, end, takesBack, surviveMs } = this.#parts;
    const limit = Math.min(takeOverMs, surviveMs() / 2);
    log.notice(`upgrade: process ${successor.pid}, Hathi ${successor.version}, takes over`);
    const sockets = letGo();
    try {
      await successor.takeOver(limit);
    } catch (error) {
      await successor.end();
      const { promise, resolve } = Promise.withResolvers<void>();
      const result = this.#refused((error as Error).message);
      end(takesBack(sockets, resolve));
      await promise;
      return result;
    }
    passOn(successor.pid);
    successor.release();
    log.notice(`upgrade: process ${successor.pid} is the master now, bye-bye!`);
    end({ type: 'replaced' });
    return { outcome: 'succeeded', reasons: [], pid: successor.pid, version: successor.version };
  }

  #refused(reason: string): UpgradeResult {
    this.#parts.log.error(`upgrade refused: ${reason}; this master goes on`);
    return { outcome: 'refused', reasons: [reason] };
  }
}
