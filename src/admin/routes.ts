/** The requests of the admin endpoint: each is a path, its method and its answer. Nothing here waits. */

import { poolsJson } from './json.ts';
import { metricsFormat, metricsTypes, renderMetrics } from './metrics.ts';
import { unreadiness } from './readiness.ts';
import type { AdminSource } from './snapshot.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface Question {
  readonly query: URLSearchParams;
  /** The header of that name. */
  readonly accept: string | undefined;
  /** Who asks, for the log. */
  readonly peer: string;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Probes carry no token; what these say is no secret. */
  readonly isProbe?: true;
  readonly answer: (source: AdminSource, question: Question) => Answer;
}

export const routes: Readonly<Record<string, Route>> = {
  '/healthz': { method: 'GET', isProbe: true, answer: () => plain(200, 'ok\n') },
  '/readyz': { method: 'GET', isProbe: true, answer: readyz },
  '/metrics': {
    method: 'GET',
    answer: (source, { accept }) => {
      const format = metricsFormat(accept);
      return { status: 200, type: metricsTypes[format], body: renderMetrics(source.read(), format) };
    },
  },
  '/api/pools': {
    method: 'GET',
    answer: (source, { query }) => json(200, poolsJson(source.read(), query.get('query') === '1')),
  },
  '/api/reload': {
    method: 'POST',
    answer: (source, { peer }) => {
      source.ask('reload', peer);
      return json(202, { outcome: 'requested' });
    },
  },
  '/api/reopen-logs': {
    method: 'POST',
    answer: (source, { peer }) => {
      source.ask('reopenLogs', peer);
      return json(202, { outcome: 'requested' });
    },
  },
};

function readyz(source: AdminSource, { query }: Question): Answer {
  try {
    const reasons = unreadiness(source.read(), query);
    return reasons.length === 0 ? plain(200, 'ready\n') : plain(503, `${reasons.join('\n')}\n`);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return plain(400, `${error.message}\n`);
  }
}

export function json(status: number, value: object): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}

/** What a request that fails is answered with. */
export function failure(status: number, text: string): Answer {
  return json(status, { error: text });
}

function plain(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}
