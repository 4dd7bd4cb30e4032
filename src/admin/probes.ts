/** Figures and health for probes, scrapers and autoscalers. Read-only, at the admin and the metrics endpoint. */

import type { AdminSource } from '../figures/admin-source.ts';
import { type Answer, failure, json, plain, type Question, type Route } from './answer.ts';
import { doctorNote } from './doctor-note.ts';
import { metricsFormat, metricsTypes, renderMetrics } from './metrics.ts';
import { unreadiness } from './readiness.ts';
import { scaleJson } from './scale.ts';

export const probes: Readonly<Record<string, Route>> = {
  '/livez': { method: 'GET', isOpen: true, answer: () => plain(200, 'ok\n') },
  '/readyz': { method: 'GET', isOpen: true, answer: readyz },
  '/startupz': { method: 'GET', isOpen: true, answer: startupz },
  '/metrics': {
    method: 'GET',
    answer: (source, { accept }) => {
      const format = metricsFormat(accept);
      const aliases = source.configuration().global['metrics.aliases'];
      const body = renderMetrics({ ...source.read('full'), doctor: doctorNote(source) }, format, aliases);
      return { status: 200, type: metricsTypes[format], body };
    },
  },
  '/scale': { method: 'GET', answer: scale },
};

function readyz(source: AdminSource, { query }: Question): Answer {
  try {
    const counts = source.configuration().global['readiness.saturation'];
    const reasons = unreadiness(source.read('summary'), query, counts);
    return reasons.length === 0 ? plain(200, 'ready\n') : plain(503, `${reasons.join('\n')}\n`);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return plain(400, `${error.message}\n`);
  }
}

/** The first start is over: every pool has served once or was given up. */
function startupz(source: AdminSource): Answer {
  const { state } = source.read('summary');
  return state === 'starting' ? plain(503, 'master: starting\n') : plain(200, 'started\n');
}

function scale(source: AdminSource, { query }: Question): Answer {
  const answer = scaleJson(source.read('summary'), query.get('pool') ?? undefined);
  return answer === undefined ? failure(404, 'no such pool') : json(200, answer);
}
