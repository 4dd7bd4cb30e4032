/** The hand-over of a master to the next one: its hosts, its sockets, and the signals that came meanwhile. */

import type { MasterParts } from './master-parts.ts';
import type { MasterReload } from './master-reload.ts';
import { isServed } from './master-start.ts';
import { masterStates } from './master-states.ts';
import { MasterUpgrade } from './master-upgrade.ts';
import type { SocketsBefore } from './resources.ts';

export class MasterHandOver {
  readonly #parts: MasterParts;
  readonly #reload: MasterReload;
  readonly upgrade: MasterUpgrade;
  /** Logs were re-opened during an upgrade: the next master may have opened the files of before. */
  #hasReopened = false;

  constructor(parts: MasterParts, reload: MasterReload) {
    this.#parts = parts;
    this.#reload = reload;
    this.upgrade = this.#makeUpgrade();
  }

  /** Logs were re-opened. */
  reopened(): void {
    this.#hasReopened ||= this.#parts.stage.state === masterStates.upgrading;
  }

  /** Another master goes on with hosts and sockets. Signals are kept for whoever that is. */
  #letGo(): SocketsBefore {
    const { options, reloads, memory, pools, survival, resources } = this.#parts;
    options.signals?.hold();
    const askAgain = reloads.replaced();
    if (this.#reload.pending === 'all' && !askAgain) options.signals?.keep('SIGUSR2');
    memory.saveAll();
    pools.letGo();
    this.#parts.stopActing();
    survival?.letGo();
    return resources.letGo();
  }

  /** The next master is process `pid`: what came during the upgrade is for it. */
  #passOn(pid: number): void {
    const { options, systemd } = this.#parts;
    systemd.replacedBy(pid);
    const rows = options.signals?.take() ?? [];
    const signals = new Set(rows.map(({ signal }) => signal));
    if (this.#hasReopened) signals.add('SIGUSR1');
    for (const signal of signals) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended: its supervisor starts the next one.
      }
    }
  }

  #makeUpgrade(): MasterUpgrade {
    const parts = this.#parts;
    const { log, startSuccessor } = parts.options;
    return new MasterUpgrade({
      log,
      stage: parts.stage,
      start: startSuccessor,
      surviveMs: () => (parts.survival?.isActive === true ? parts.configuration.global.survive * 1000 : 0),
      sockets: () => parts.resources.sockets,
      serves: () => parts.runners.filter(isServed).map(({ name }) => name),
      letGo: () => this.#letGo(),
      passOn: (pid) => this.#passOn(pid),
      goOn: () => this.#reload.again(),
      end: (end) => parts.closed.resolve(end),
      takesBack: (sockets, done) => ({
        type: 'takesBack',
        configuration: parts.configuration,
        sockets,
        done,
      }),
    });
  }
}
