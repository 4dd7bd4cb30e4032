// @ts-check
/** The last hour of what is chosen, kept here and brought up to date: each answer has only what is new. */

/** @import { Client } from './client.js' */
/** @import { ColumnName, History } from './types.d.ts' */

const keptMs = 3_600_000;

export class HistoryFeed {
  #client;
  /** @type {{ pool: string | undefined, history: History } | undefined} */
  #kept;

  /** @param {Client} client */
  constructor(client) {
    this.#client = client;
  }

  forget() {
    this.#kept = undefined;
  }

  /** @param {string | undefined} pool @returns {Promise<History>} */
  async read(pool) {
    const kept = this.#kept?.pool === pool ? this.#kept?.history : undefined;
    const query = new URLSearchParams(pool === undefined ? {} : { pool });
    const since = kept?.at.at(-1);
    if (since !== undefined) query.set('since', String(since));
    /** @type {History} */
    const fresh = await this.#client.get(`api/history?${query}`);
    const history = kept === undefined ? fresh : joined(kept, fresh);
    this.#kept = { pool, history };
    return history;
  }
}

/** @param {History} old @param {History} fresh @returns {History} */
function joined(old, fresh) {
  const { pool, intervalMs, at: times } = fresh;
  // The same object tells that there is nothing new to draw.
  const isSameReload = old.reloads.at(-1)?.at === fresh.reloads.at(-1)?.at;
  if (times.length === 0) return isSameReload ? old : { ...old, reloads: fresh.reloads };
  // The clock of the master was set back, and its history began anew.
  if ((times[0] ?? 0) <= (old.at.at(-1) ?? 0)) return fresh;
  const oldest = (times.at(-1) ?? 0) - keptMs;
  const first = old.at.findIndex((at) => at > oldest);
  const from = first < 0 ? old.at.length : first;
  const join = (/** @type {ColumnName} */ name) => [...old[name].slice(from), ...fresh[name]];
  return {
    pool,
    intervalMs,
    reloads: fresh.reloads,
    at: [...old.at.slice(from), ...times],
    requestsPerSecond: join('requestsPerSecond'),
    errorsPerSecond: join('errorsPerSecond'),
    p50Micros: join('p50Micros'),
    p95Micros: join('p95Micros'),
    p99Micros: join('p99Micros'),
    meanMicros: join('meanMicros'),
    busy: join('busy'),
    busyMean: join('busyMean'),
    limit: join('limit'),
    fullest: join('fullest'),
    queue: join('queue'),
    memoryBytes: join('memoryBytes'),
  };
}
