/**
 * Number of waiting connections to refuse: `queue.max_wait` and `queue.max_length`. Pure.
 *
 * The kernel's queue is served in order of arrival, and only its length is known. So the age of its head is computed
 * from past lengths: of the connections that waited at some time, those that have not been taken since are left. The
 * wait of a new connection is the length of the queue divided by the rate at which workers take connections. A
 * connection counts as taken with each request that a worker begins; on kept connections that is too many, so less is
 * refused, never more.
 */

import type { LogMessage } from './messages.ts';

/** Keys are directive names. */
export interface OverloadSettings {
  readonly name: string;
  /** Seconds, 0: no limit. */
  readonly 'queue.max_wait': number;
  /** Connections, 0: no limit. */
  readonly 'queue.max_length': number;
  readonly 'queue.adaptive': boolean;
}

export interface OverloadInput {
  /** Milliseconds of a monotonic clock. */
  readonly now: number;
  /** Waiting connections. */
  readonly queue: number;
  /** Requests begun by workers so far. */
  readonly begun: number;
  /** Every worker has a request: otherwise the queue is about to be served. */
  readonly isBusy: boolean;
  /** Connections that may wait by the adaptive limit; undefined without one. */
  readonly adaptive?: number | undefined;
}

interface Sample {
  readonly at: number;
  readonly queue: number;
  readonly begun: number;
  /** Connections refused so far. */
  readonly refused: number;
}

interface Episode {
  readonly since: number;
  readonly lastAt: number;
  readonly refused: number;
}

export interface OverloadMemory {
  readonly samples: readonly Sample[];
  readonly refused: number;
  readonly wasBusy: boolean;
  readonly episode: Episode | undefined;
}

export const noOverload: OverloadMemory = { samples: [], refused: 0, wasBusy: false, episode: undefined };

export interface OverloadDecision {
  /** Connections to refuse now, from the head of the queue. */
  readonly refuse: number;
  readonly memory: OverloadMemory;
  readonly messages: readonly LogMessage[];
}

/** Time between two checks, ms. */
export const overloadPeriodMillis = 100;
/** Share of `queue.max_wait` that is aimed at: what is left until the next check would wait for too long then. */
const aimedShare = 0.9;
/** Minimum period for measuring the workers' rate, ms. */
const rateMillis = 1000;
/** An episode ends after this time without a refusal, ms. */
const quietMillis = 5000;

export function hasQueueLimit(settings: Omit<OverloadSettings, 'name'>): boolean {
  return settings['queue.max_wait'] > 0 || settings['queue.max_length'] > 0 || settings['queue.adaptive'];
}

export function checkOverload(
  settings: OverloadSettings,
  memory: OverloadMemory,
  input: OverloadInput,
): OverloadDecision {
  const { now, queue, begun, isBusy } = input;
  const waitMillis = settings['queue.max_wait'] * 1000 * aimedShare;
  const samples = recent([...memory.samples, { at: now, queue, begun, refused: memory.refused }], waitMillis);
  const isFull = isBusy && memory.wasBusy;
  const refuse =
    queue === 0
      ? 0
      : Math.min(
          queue,
          Math.max(
            waitMillis > 0 ? tooOld(samples, waitMillis) : 0,
            waitMillis > 0 && isFull ? tooMany(samples, waitMillis) : 0,
            settings['queue.max_length'] > 0 && isFull ? queue - settings['queue.max_length'] : 0,
            isFull && input.adaptive !== undefined ? queue - input.adaptive : 0,
          ),
        );
  const { episode, messages } = nextEpisode(settings, memory.episode, refuse, input);
  return {
    refuse,
    messages,
    memory: { samples, refused: memory.refused + refuse, wasBusy: isBusy, episode },
  };
}

/**
 * Logs the refusals of a pool whose lane refuses by itself (lane.ts).
 *
 * @param refused connections that it has refused since the last check
 */
export function followRefusals(
  settings: OverloadSettings,
  memory: OverloadMemory,
  input: Pick<OverloadInput, 'now' | 'queue'>,
  refused: number,
): Omit<OverloadDecision, 'refuse'> {
  const { episode, messages } = nextEpisode(settings, memory.episode, refused, input);
  return { messages, memory: { ...memory, episode } };
}

/** Samples within the time of the limits. */
function recent(samples: readonly Sample[], waitMillis: number): Sample[] {
  const now = samples.at(-1)!.at;
  const reach = Math.max(waitMillis, 2 * rateMillis);
  const first = samples.findLastIndex(({ at }) => now - at >= reach);
  return samples.slice(Math.max(0, first));
}

/** Connections that have waited for at least this time. */
function tooOld(samples: readonly Sample[], waitMillis: number): number {
  const now = samples.at(-1)!;
  const then = samples.findLast(({ at }) => now.at - at >= waitMillis);
  if (then === undefined) return 0;
  return Math.max(0, then.queue - (now.begun - then.begun) - (now.refused - then.refused));
}

/** Connections beyond those that the workers will begin within the time. */
function tooMany(samples: readonly Sample[], waitMillis: number): number {
  const now = samples.at(-1)!;
  const then = samples.find(({ at }) => now.at - at >= rateMillis) ?? now;
  if (now.begun === then.begun) return 0;
  const perMillisecond = (now.begun - then.begun) / (now.at - then.at);
  return Math.max(0, now.queue - Math.max(1, Math.ceil(perMillisecond * waitMillis)));
}

function nextEpisode(
  settings: OverloadSettings,
  episode: Episode | undefined,
  refuse: number,
  { now, queue }: Pick<OverloadInput, 'now' | 'queue'>,
): { readonly episode: Episode | undefined; readonly messages: readonly LogMessage[] } {
  if (refuse > 0) {
    const next = { since: episode?.since ?? now, lastAt: now, refused: (episode?.refused ?? 0) + refuse };
    if (episode !== undefined) return { episode: next, messages: [] };
    const text = `[pool ${settings.name}] overloaded: ${queue} connections wait; those beyond ${limitsText(settings)} are answered with 503`;
    return { episode: next, messages: [{ level: 'warning', text }] };
  }
  if (episode === undefined || now - episode.lastAt < quietMillis) return { episode, messages: [] };
  const seconds = Math.max(1, Math.round((episode.lastAt - episode.since) / 1000));
  const text = `[pool ${settings.name}] the overload is over: ${episode.refused} connections were refused in ${seconds} s`;
  return { episode: undefined, messages: [{ level: 'notice', text }] };
}

function limitsText(settings: OverloadSettings): string {
  const { 'queue.max_wait': wait, 'queue.max_length': length } = settings;
  const texts = [
    ...(wait > 0 ? [`queue.max_wait = ${wait}s`] : []),
    ...(length > 0 ? [`queue.max_length = ${length}`] : []),
    ...(settings['queue.adaptive'] ? ['queue.adaptive'] : []),
  ];
  return texts.join(' and ');
}

/** Seconds until a refused client may try again. */
export function retryAfter(settings: Pick<OverloadSettings, 'queue.max_wait'>): number {
  return Math.max(1, settings['queue.max_wait']);
}
