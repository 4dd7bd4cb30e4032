/**
 * The proof of a new generation, before it takes over from a serving one: it answers the pool's probe, and then serves
 * a share of the connections for a while, beside the old one.
 */

import type { TrialAnswer } from '../figures/answers.ts';
import {
  type Canary,
  canaryOf,
  earlyVerdict,
  finalVerdict,
  type Takers,
  type TrialCounts,
  takersOf,
  trialP95,
} from '../pool/canary.ts';
import { type ReloadProbe, reloadProbe } from '../pool/reload-probe.ts';
import { durationsSince } from '../scoreboard/durations.ts';
import type { Generation } from './generation.ts';
import { hostStates } from './host-states.ts';
import type { MasterServices } from './master-services.ts';
import type { PoolReports } from './pool-reports.ts';
import { sendProbe } from './probe.ts';

/** The share of the new generation is looked at so often. */
const lookMs = 50;

/** The two are compared so often; that reads all their counters. */
const judgeMs = 1000;

export interface TrialParts {
  readonly services: MasterServices;
  readonly reports: PoolReports;
  /** It passed, and may take over. */
  readonly onPassed: (generation: Generation) => void;
  /** It did not, and must go. */
  readonly onFailed: (generation: Generation, reason: string) => void;
  /** It accepts connections from now on. */
  readonly onAccepting: (generation: Generation) => void;
}

interface CanaryRun {
  readonly canary: Canary;
  readonly old: Generation;
  readonly fresh: Generation;
  readonly since: number;
  readonly oldAtStart: TrialCounts;
  takers: Takers;
  judgedAt: number;
}

type Stage =
  | { readonly type: 'none' }
  | { readonly type: 'probe'; readonly generation: Generation; readonly gone: AbortController }
  | { readonly type: 'canary'; readonly run: CanaryRun }
  | { readonly type: 'passed'; readonly generation: Generation };

export class Trial {
  readonly #parts: TrialParts;
  #stage: Stage = { type: 'none' };

  constructor(parts: TrialParts) {
    this.#parts = parts;
  }

  /**
   * Whether the generation may take over now. Otherwise its proof begins, or goes on, and the parts are told of its
   * end.
   */
  isPassed(fresh: Generation, old: Generation): boolean {
    if (this.#stage.type === 'passed' && this.#stage.generation === fresh) return true;
    if (this.isOn(fresh)) return false;
    const probe = reloadProbe(fresh.pool);
    if (probe === undefined) return this.#begin(fresh, old);
    this.#probe(probe, fresh, old);
    return false;
  }

  /** Whether that generation is being proven. */
  isOn(generation: Generation): boolean {
    const stage = this.#stage;
    if (stage.type === 'probe') return stage.generation === generation;
    return stage.type === 'canary' && stage.run.fresh === generation;
  }

  /** Whether that generation serves a share of the connections. */
  isCanary(generation: Generation | undefined): boolean {
    return this.#stage.type === 'canary' && this.#stage.run.fresh === generation;
  }

  /** The generation is no candidate any more. */
  end(): void {
    if (this.#stage.type === 'probe') this.#stage.gone.abort();
    if (this.#stage.type === 'canary') this.#keepShare(this.#stage.run, 'both');
    this.#stage = { type: 'none' };
  }

  /** Keeps the share, and gives the verdict when it is due. Called at each check of deadlines. */
  check(now: number): void {
    if (this.#stage.type !== 'canary') return;
    const { run } = this.#stage;
    const isOver = now >= run.since + run.canary.timeMs;
    if (isOver || now >= run.judgedAt + judgeMs) {
      run.judgedAt = now;
      const reason = isOver ? finalVerdict(...countsOf(run)) : earlyVerdict(...countsOf(run));
      if (reason !== undefined) return this.#parts.onFailed(run.fresh, `on trial: ${reason}`);
      if (isOver) return this.#pass(run.fresh);
    }
    const old = Math.max(0, taken(run.old) - run.oldAtStart.taken);
    this.#keepShare(run, takersOf(run.canary, taken(run.fresh), old, hasIdleWorker(run.fresh)));
    this.#parts.services.wakeAt(Math.min(now + lookMs, run.since + run.canary.timeMs));
  }

  /** For clients of the admin endpoint; undefined while no generation serves on trial. */
  get answer(): TrialAnswer | undefined {
    if (this.#stage.type !== 'canary') return undefined;
    const { run } = this.#stage;
    const [fresh, old] = countsOf(run);
    const elapsed = this.#parts.services.now() - run.since;
    return {
      generation: run.fresh.number,
      share: run.canary.share,
      secondsLeft: Math.max(0, Math.ceil((run.canary.timeMs - elapsed) / 1000)),
      fresh: { requests: fresh.ended, errors: fresh.errors, p95Micros: trialP95(fresh) },
      serving: { requests: old.ended, errors: old.errors, p95Micros: trialP95(old) },
    };
  }

  #probe(probe: ReloadProbe, fresh: Generation, old: Generation): void {
    const gone = new AbortController();
    const stage: Stage = { type: 'probe', generation: fresh, gone };
    this.#stage = stage;
    const { reports } = this.#parts;
    const settle = (reason: string | undefined): void => {
      // It was discarded, or has died.
      if (this.#stage !== stage) return;
      if (reason !== undefined) {
        return this.#parts.onFailed(fresh, `reload.probe ${probe.method} ${probe.uri}: ${reason}`);
      }
      if (this.#begin(fresh, old)) this.#parts.onPassed(fresh);
    };
    void sendProbe(probe, fresh.host, gone.signal).then((reason) =>
      reports.enqueue(fresh, 'proving its new generation', () => settle(reason)),
    );
  }

  /** @returns whether it may take over at once */
  #begin(fresh: Generation, old: Generation): boolean {
    const canary = canaryOf(fresh.pool);
    if (canary === undefined || old.host.state !== hostStates.serving) {
      this.#stage = { type: 'passed', generation: fresh };
      return true;
    }
    const since = this.#parts.services.now();
    const run: CanaryRun = {
      canary,
      old,
      fresh,
      since,
      oldAtStart: trialCounts(old),
      takers: 'both',
      judgedAt: since,
    };
    this.#stage = { type: 'canary', run };
    this.#parts.onAccepting(fresh);
    this.#parts.services.log.notice(
      `[pool ${fresh.name}] the new generation takes ${canary.share * 100} % of connections on trial, for ${canary.timeMs / 1000} seconds`,
    );
    this.#parts.services.wakeAt(since + lookMs);
    return false;
  }

  #pass(fresh: Generation): void {
    this.#stage = { type: 'passed', generation: fresh };
    this.#parts.onPassed(fresh);
  }

  #keepShare(run: CanaryRun, takers: Takers): void {
    const tell = ({ host }: Generation, other: Takers): void => {
      const [did, does] = [run.takers !== other, takers !== other];
      if (did === does || host.state !== hostStates.serving) return;
      if (does) host.accept();
      else host.pause();
    };
    tell(run.fresh, 'old');
    tell(run.old, 'fresh');
    run.takers = takers;
  }
}

function hasIdleWorker({ reader }: Generation): boolean {
  return reader.readNumbers().slots.some(({ stage }) => stage === 'idle');
}

/** Counts of both since the trial began. */
function countsOf({ fresh, old, oldAtStart }: CanaryRun): [fresh: TrialCounts, old: TrialCounts] {
  const now = trialCounts(old);
  const sinceStart: TrialCounts = {
    taken: Math.max(0, now.taken - oldAtStart.taken),
    ended: Math.max(0, now.ended - oldAtStart.ended),
    errors: Math.max(0, now.errors - oldAtStart.errors),
    durations: durationsSince(now.durations, oldAtStart.durations),
  };
  return [trialCounts(fresh), sinceStart];
}

/** Counts of a generation since its start. */
function trialCounts(generation: Generation): TrialCounts {
  const { responses, durations } = generation.counted();
  return {
    taken: taken(generation),
    ended: responses.reduce((sum, count) => sum + count, 0),
    errors: (responses[4] ?? 0) + generation.crashes,
    durations,
  };
}

/** Connections that a generation has accepted, and those that wait in its host. */
function taken(generation: Generation): number {
  return generation.ownCounts().accepted + generation.reader.readHeader().queuedRequests;
}
