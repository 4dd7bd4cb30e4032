/** The routes of the admin endpoint: path, method and answer. */

import type { AdminSource } from '../figures/admin-source.ts';
import { everyPool } from '../figures/pool-choice.ts';
import { type Answer, failure, json, plain, type Question, type Route } from './answer.ts';
import { capacityJson } from './capacity-json.ts';
import { configurationJson } from './configuration-json.ts';
import { doctorNote, takeDoctorNote } from './doctor-note.ts';
import { poolsJson, slowJson, stackJson } from './json.ts';
import { probes } from './probes.ts';
import { answerProfile } from './profile-answer.ts';
import { routesJson } from './routes-json.ts';

export const routes: Readonly<Record<string, Route>> = {
  '/healthz': { method: 'GET', isOpen: true, answer: () => plain(200, 'ok\n') },
  ...probes,
  '/api/pools': {
    method: 'GET',
    answer: pools,
  },
  '/api/slow': {
    method: 'GET',
    answer: (source, { query }) => json(200, slowJson(source.slowRequests(), query.get('query') === '1')),
  },
  '/api/stack': { method: 'GET', answer: stack },
  '/api/profile': { method: 'GET', answer: answerProfile },
  '/api/history': { method: 'GET', answer: history },
  '/api/plan': {
    method: 'GET',
    answer: async (source, { query }) => json(200, await capacityJson(source, query.get('first') ?? '')),
  },
  '/api/routes': { method: 'GET', answer: requestRoutes },
  '/api/config': {
    method: 'GET',
    answer: (source) => json(200, configurationJson(source.configuration())),
  },
  '/api/drain': { method: 'POST', answer: (source, question) => drain(source, question, true) },
  '/api/undrain': { method: 'POST', answer: (source, question) => drain(source, question, false) },
  '/api/doctor': { method: 'POST', answer: takeDoctorNote },
  '/api/end-worker': { method: 'POST', answer: endWorker },
  '/api/reload': {
    method: 'POST',
    answer: async (source, { peer, query }) => {
      const verb = query.get('changed') === '1' ? 'reloadChanged' : 'reload';
      if (query.get('wait') === '1') return json(200, await source.reload(verb, peer));
      source.ask(verb, peer);
      return json(202, { outcome: 'requested' });
    },
  },
  '/api/abort-reload': {
    method: 'POST',
    answer: (source, { peer }) =>
      source.abortReload(peer)
        ? json(202, { outcome: 'requested' })
        : failure(404, 'no new generation is being started or on trial'),
  },
  '/api/rollback': {
    method: 'POST',
    answer: async (source, { peer, query }) => {
      const to = query.get('to') ?? '';
      if (!/^(?:[1-9]\d{0,8})?$/.test(to))
        return failure(400, '"to" must be the number of a kept configuration');
      const result = source.rollback(to === '' ? undefined : Number(to), peer);
      return query.get('wait') === '1' ? json(200, await result) : json(202, { outcome: 'requested' });
    },
  },
  '/api/upgrade': { method: 'POST', answer: upgrade },
  '/api/configurations': { method: 'GET', answer: (source) => json(200, source.configurations()) },
  '/api/stop': { method: 'POST', answer: stop },
  '/api/reopen-logs': {
    method: 'POST',
    answer: (source, { peer }) => {
      source.ask('reopenLogs', peer);
      return json(202, { outcome: 'requested' });
    },
  },
};

/** Digits of a number of pools. */
const poolNumber = /^\d{1,6}$/;

function pools(source: AdminSource, { query }: Question): Answer {
  const limit = query.get('limit');
  const offset = query.get('offset') ?? '0';
  if (limit !== null && !poolNumber.test(limit)) return failure(400, '"limit" must be a number of pools');
  if (!poolNumber.test(offset)) return failure(400, '"offset" must be a number of pools');
  const asked = {
    pool: query.get('pool') ?? '',
    first: query.get('first') ?? '',
    limit: limit === null ? undefined : Number(limit),
    offset: Number(offset),
  };
  const isChoice = asked.pool !== '' || limit !== null || asked.offset > 0;
  const snapshot = { ...source.read('full', isChoice ? asked : everyPool), doctor: doctorNote(source) };
  return json(200, poolsJson(snapshot, query.get('query') === '1'));
}

function stack(source: AdminSource, { query }: Question): Answer {
  const pool = query.get('pool');
  const pid = query.get('pid') ?? '';
  if (pool === null || !/^\d{1,10}$/.test(pid)) return failure(400, 'needs pool=NAME and pid=NUMBER');
  const worker = source.stack(pool, Number(pid));
  if (worker === undefined) return failure(404, 'no such worker');
  return json(200, stackJson(worker, query.get('query') === '1'));
}

/** A program can only be named at a socket, whose mode says that the client may be the master anyway. */
async function upgrade(source: AdminSource, { query, peer, isLocal }: Question): Promise<Answer> {
  const program = query.get('program') ?? undefined;
  if (program !== undefined && !isLocal)
    return failure(403, 'a program can be named over the Unix socket of the admin endpoint only');
  const result = source.upgrade(program, peer);
  return query.get('wait') === '1' ? json(200, await result) : json(202, { outcome: 'requested' });
}

/** `quit` lets the worker finish its request, `term` does not. */
function endWorker(source: AdminSource, { query, peer }: Question): Answer {
  const how = query.get('how') ?? 'quit';
  const pid = query.get('pid') ?? '';
  if (how !== 'quit' && how !== 'term') return failure(400, '"how" must be "quit" or "term"');
  if (!/^[1-9]\d{0,9}$/.test(pid)) return failure(400, '"pid" must be a process id');
  return source.endWorker(query.get('pool') ?? '', Number(pid), how, peer)
    ? json(202, { outcome: 'requested' })
    : failure(404, 'the pool has no worker with that pid');
}

function drain(source: AdminSource, { query, peer }: Question, isDrained: boolean): Answer {
  return source.drain(query.get('pool') ?? '', isDrained, peer)
    ? json(202, { outcome: 'requested' })
    : failure(404, 'no such pool');
}

/** `quit` lets requests finish, `term` does not. The pid lets the client wait for the end of the process. */
function stop(source: AdminSource, { query, peer }: Question): Answer {
  const how = query.get('how') ?? 'quit';
  if (how !== 'quit' && how !== 'term') return failure(400, '"how" must be "quit" or "term"');
  source.ask(how === 'quit' ? 'finish' : 'terminate', peer);
  return json(202, { outcome: 'requested', pid: process.pid });
}

function history(source: AdminSource, { query }: Question): Answer {
  const since = query.get('since') ?? '0';
  if (!/^\d{1,15}$/.test(since)) return failure(400, '"since" must be milliseconds since 1970');
  const answer = source.history(query.get('pool') ?? undefined, Number(since));
  return answer === undefined ? failure(404, 'no such pool') : json(200, answer);
}

function requestRoutes(source: AdminSource, { query }: Question): Answer {
  const pools = source.routes(query.get('pool') ?? undefined);
  if (pools === undefined) return failure(404, 'no such pool');
  return json(200, routesJson(pools, source.read('summary').startedAt));
}
