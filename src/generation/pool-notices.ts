/** Messages about a pool for the error log: each one once, until it changes. */

import { ContractError } from '../engine/contract.ts';
import type { EngineCommand } from '../engine/engine-command.ts';
import type { HostFacts } from '../engine/host-messages.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { PoolVoice } from '../log/pool-voice.ts';
import type { Listener } from '../sockets/listener.ts';
import { sayHostFacts } from './host-reports.ts';

export class PoolNotices {
  readonly #pool: string;
  readonly #log: ErrorLog;
  readonly #voice: PoolVoice;
  #host: string | undefined;
  #lostSocket: Listener | undefined;
  #incident: string | undefined;

  constructor(pool: string, log: ErrorLog, voice: PoolVoice) {
    this.#pool = pool;
    this.#log = log;
    this.#voice = voice;
  }

  /**
   * Something of the pool failed.
   *
   * @param doing the action
   * @param mayRepeat no host is ended for it, so the same may come every second
   * @returns whether it is news
   */
  incident(doing: string, error: unknown, mayRepeat: boolean): boolean {
    const log = this.#log;
    const isHosts = error instanceof ContractError;
    const text = `${isHosts ? '' : `fault while ${doing}: `}${reasonOf(error)}`;
    if (mayRepeat && text === this.#incident) return false;
    this.#incident = text;
    log.alert(`[pool ${this.#pool}] ${text}`);
    const places = isHosts || !(error instanceof Error) ? [] : (error.stack ?? '').split('\n').slice(1);
    for (const place of places) log.debug(place.trim());
    return true;
  }

  /**
   * A host that has a descriptor of its own serves on; the next one could not. So the socket is taken again from it.
   *
   * @param host pid of the one that serves
   */
  checkSocket(listener: Listener, host: number | undefined): void {
    if (listener.isIntact()) return;
    const { fd, key } = listener;
    if (host !== undefined && listener.recover(host)) {
      this.#lostSocket = undefined;
      this.#log.warning(
        `[pool ${this.#pool}] the descriptor ${fd} of the listening socket '${key}' has been closed: it is taken again from the engine host ${host}`,
      );
      return;
    }
    if (listener === this.#lostSocket) return;
    this.#lostSocket = listener;
    this.#log.alert(`[pool ${this.#pool}] ${listener.lossText()}`);
  }

  /** The serving host's facts about itself. */
  host(facts: HostFacts | undefined, command: EngineCommand): void {
    const report = `${command.instead} ${facts?.detail} ${facts?.warnings.join()}`;
    if (facts === undefined || report === this.#host) return;
    this.#host = report;
    sayHostFacts(this.#voice, facts, command);
  }
}

/** The text of an error. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
