/** A reload: reads the file, opens everything it needs, and then applies it; or changes nothing. */

import type { Configuration } from '../config/directives.ts';
import type { ReloadScope } from '../generation/prepared-pool.ts';
import { inOneLook } from '../runtime/one-look.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import { Abandoned, type Turns } from '../runtime/turns.ts';
import type { ReloadJournal } from '../watch/reload-journal.ts';
import type { MasterStage } from './master-stage.ts';
import { masterStates } from './master-states.ts';
import type { MasterOptions, Rollback } from './master-types.ts';
import type { Plan } from './plan.ts';
import type { MasterResources } from './resources.ts';
import type { SystemdMonitor } from './systemd-monitor.ts';

/** The master's parts used by a reload. */
export interface ReloadParts {
  readonly stage: MasterStage;
  readonly systemd: SystemdMonitor;
  readonly resources: MasterResources;
  readonly journal: ReloadJournal;
  /** Path of the current configuration. */
  readonly file: () => string;
  readonly turns: () => Turns;
  /** Has descriptors that are lost again where a host holds the same socket. */
  readonly checkSockets: () => void;
  /** Runs something that the master's end waits for; an error in it concerns all pools. */
  readonly run: (act: () => Promise<void>) => void;
  /**
   * Applies a committed plan.
   *
   * @returns names of the pools left alone; undefined if the master was told to stop
   */
  readonly putInForce: (
    plan: Plan,
    scope: ReloadScope,
    turns: Turns,
  ) => Promise<readonly string[] | undefined>;
  /** Checks whether every pool has its outcome. */
  readonly settle: () => void;
}

/** A requested reload and its origin. */
export interface ReloadRequest {
  readonly scope: ReloadScope;
  /** Signal or client. */
  readonly by: string;
  /** An earlier configuration in place of the files. */
  readonly rollback?: Rollback;
}

export class MasterReload {
  readonly #options: MasterOptions;
  readonly #parts: ReloadParts;
  /** Requested during another reload, an upgrade or the start. */
  #again: ReloadRequest | undefined;

  constructor(options: MasterOptions, parts: ReloadParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** @param notice who asked for it; a series of crashes has its own message */
  request(asked: ReloadRequest, notice?: string): void {
    if (
      this.#parts.stage.state === masterStates.reloading ||
      this.#parts.stage.state === masterStates.upgrading ||
      this.#parts.stage.state === masterStates.starting
    ) {
      // One further reload after the current one applies the latest file, however often it was requested.
      this.#again = together(this.#again, asked);
      return;
    }
    // As in php-fpm the line reports the signal, even if it has no effect any more.
    if (notice !== undefined) this.#options.log.notice(notice);
    if (this.#parts.stage.isLeaving) return this.#parts.journal.impossible('the master is leaving');
    if (this.#parts.stage.refuses(masterStates.reloading)) {
      return this.#parts.journal.impossible(`the master is ${this.#parts.stage.state}`);
    }
    this.#parts.journal.begin();
    this.#parts.stage.moveTo(masterStates.reloading);
    this.#options.log.notice(
      asked.rollback === undefined
        ? `reloading: reading ${this.#parts.file()} again`
        : 'reloading: rolling back to an earlier configuration',
    );
    this.#parts.systemd.reloading();
    this.#parts.run(() => this.#reload(asked));
  }

  /** Of the one that was requested and has not begun. */
  get pending(): ReloadScope | undefined {
    return this.#again?.scope;
  }

  /** Starts the pending one, once the start or the current reload is over. */
  again(): void {
    const asked = this.#again;
    if (asked === undefined) return;
    this.#again = undefined;
    this.request(asked, 'Reloading in progress ...');
  }

  /** The current reload is over. */
  end(): void {
    this.#parts.stage.moveTo(masterStates.normal);
    this.again();
  }

  async #reload(asked: ReloadRequest): Promise<void> {
    const turns = this.#parts.turns();
    this.#parts.checkSockets();
    const prepared = await inOneLook(() => this.#prepare(asked, turns));
    if (this.#parts.stage.isStopping) return 'ready' in prepared ? prepared.ready.plan.discard() : undefined;
    if ('refused' in prepared) return this.#refuseReload(prepared.refused);
    const { plan, kept } = prepared.ready;
    await this.#putInForce(plan, { ...asked, kept }, turns);
  }

  async #prepare(
    { scope, rollback }: ReloadRequest,
    turns: Turns,
  ): Promise<Prepared<{ readonly plan: Plan; readonly kept: number | undefined }>> {
    const read = await readAgain(this.#options, turns, rollback);
    if ('refused' in read) return read;
    const { configuration, kept } = read.ready;
    const planned = await planReload(configuration, scope, this.#options, this.#parts.resources, turns);
    return 'refused' in planned ? planned : { ready: { plan: planned.ready, kept } };
  }

  #refuseReload(reasons: readonly string[]): void {
    this.#options.log.error('reload refused: the running configuration stays in force');
    this.#parts.systemd.reloadRefused();
    this.#parts.journal.refused(reasons);
    this.end();
  }

  async #putInForce(
    plan: Plan,
    { scope, by, kept }: ReloadRequest & { readonly kept: number | undefined },
    turns: Turns,
  ): Promise<void> {
    const { journal } = this.#parts;
    for (const reason of plan.commit()) journal.notApplied(reason);
    const unchanged = await this.#parts.putInForce(plan, scope, turns);
    if (unchanged === undefined) return;
    this.#options.archive?.keep({ by, why: reasonOf(scope, kept), kept });
    if (kept !== undefined) this.#options.log.notice(afterRollback(kept, this.#parts.file()));
    if (scope === 'changed') {
      journal.leftAlone(unchanged);
      if (unchanged.length > 0) this.#options.log.notice(`unchanged, left alone: ${namesOf(unchanged)}`);
    }
    this.#parts.settle();
  }
}

/** Result of preparing a reload: the prepared value, or the reason for refusing it, which has been logged as well. */
type Prepared<T> = { readonly ready: T } | { readonly refused: readonly string[] };

/** One request for both: the wider scope, and the later one of rollback and files. */
function together(before: ReloadRequest | undefined, asked: ReloadRequest): ReloadRequest {
  return before?.scope === 'all' ? { ...asked, scope: 'all' } : asked;
}

/** A line of the log is for people. */
const mostNames = 20;

function namesOf(pools: readonly string[]): string {
  const rest = pools.length - mostNames;
  return `${pools.slice(0, mostNames).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function reasonOf(scope: ReloadScope, kept: number | undefined): string {
  if (kept !== undefined) return `rollback to ${kept}`;
  return scope === 'changed' ? 'reload of changed pools' : 'reload';
}

function afterRollback(kept: number, file: string): string {
  return `configuration ${kept} is in force again; ${file} is as it was, and the next reload or start reads it`;
}

/** The configuration, unless it is invalid or unreadable. */
async function readAgain(
  { reloadConfiguration, log }: MasterOptions,
  turns: Turns,
  rollback: Rollback | undefined,
): Promise<Prepared<{ readonly configuration: Configuration; readonly kept: number | undefined }>> {
  try {
    const { configuration, problems, kept } = await reloadConfiguration(turns, rollback);
    return configuration === undefined ? { refused: problems } : { ready: { configuration, kept } };
  } catch (error) {
    if (error instanceof Abandoned) return { refused: [error.message] };
    log.sysError('cannot read the configuration', error);
    return { refused: [`cannot read the configuration: ${(error as Error).message}`] };
  }
}

/** Everything that it needs, opened, unless a socket, a log or an engine is unavailable. */
async function planReload(
  configuration: Configuration,
  scope: ReloadScope,
  { log, planProcess }: MasterOptions,
  resources: MasterResources,
  turns: Turns,
): Promise<Prepared<Plan>> {
  try {
    return { ready: await resources.plan(configuration, turns, { scope, planProcess }) };
  } catch (error) {
    // Expected errors have been logged; any other error must not harm the running pools either.
    if (!(error instanceof MasterStartError)) log.sysError('cannot reload', error);
    return { refused: [(error as Error).message] };
  }
}
