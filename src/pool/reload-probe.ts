/** The request that a new generation answers before it takes over: what it is, and whether its answer will do. Pure. */

import type { PoolConfig } from '../config/directives.ts';
import { parseStatuses, type StatusRange } from '../config/reload-proof.ts';

export interface ReloadProbe {
  /** Path and query, as a client would ask for it. */
  readonly uri: string;
  /** Empty for a page that the worker itself answers, such as ping. */
  readonly script: string;
  readonly method: string;
  readonly statuses: readonly StatusRange[];
  /** Text of the body; empty for any. */
  readonly text: string;
  readonly limitMs: number;
}

type ProbeSettings = Pick<
  PoolConfig,
  | 'reload.probe'
  | 'reload.probe_script'
  | 'reload.probe_method'
  | 'reload.probe_status'
  | 'reload.probe_text'
  | 'reload.probe_timeout'
  | 'worker.script'
>;

/** The pool's probe; undefined where it has none. */
export function reloadProbe(pool: ProbeSettings): ReloadProbe | undefined {
  if (pool['reload.probe'] === '') return undefined;
  return {
    uri: pool['reload.probe'],
    script: pool['reload.probe_script'] || (pool['worker.script'] ?? ''),
    method: pool['reload.probe_method'],
    statuses: parseStatuses(pool['reload.probe_status']) ?? [],
    text: pool['reload.probe_text'],
    limitMs: pool['reload.probe_timeout'] * 1000,
  };
}

/** Whether a new generation of the pool is proven before it takes over from a serving one. */
export function wantsProof(pool: Pick<PoolConfig, 'reload.probe' | 'reload.canary'>): boolean {
  return pool['reload.probe'] !== '' || pool['reload.canary'] !== '';
}

/** The parameters of the request, as a web server on this machine would send them. */
export function probeParams({ uri, script, method }: ReloadProbe): [name: string, value: string][] {
  const [path = '', ...rest] = uri.split('?');
  const folder = script.slice(0, script.lastIndexOf('/'));
  return [
    ['GATEWAY_INTERFACE', 'CGI/1.1'],
    ['SERVER_PROTOCOL', 'HTTP/1.1'],
    ['SERVER_NAME', 'localhost'],
    ['SERVER_PORT', '80'],
    ['REMOTE_ADDR', '127.0.0.1'],
    ['REQUEST_METHOD', method],
    ['REQUEST_URI', uri],
    ['QUERY_STRING', rest.join('?')],
    ['DOCUMENT_ROOT', folder || '/'],
    ['SCRIPT_NAME', script === '' ? path : script.slice(script.lastIndexOf('/'))],
    ['SCRIPT_FILENAME', script === '' ? path : script],
    ['CONTENT_LENGTH', ''],
    ['HTTP_HOST', 'localhost'],
    ['HTTP_USER_AGENT', 'hathi-probe'],
    ['HATHI_PROBE', '1'],
  ];
}

export interface ProbeAnswer {
  readonly status: number;
  /** Its first bytes, a binary string. */
  readonly body: string;
}

/** Why the answer will not do, for the log; undefined where it will. */
export function judgeProbe(probe: ReloadProbe, { status, body }: ProbeAnswer): string | undefined {
  if (!probe.statuses.some(([first, last]) => first <= status && status <= last))
    return `its answer has status ${status}${excerptOf(body)}`;
  if (!body.includes(probe.text)) return `its answer does not contain ${JSON.stringify(probe.text)}`;
  return undefined;
}

/** The first line of a page often says what is wrong. */
function excerptOf(body: string): string {
  const line = body
    .replaceAll(/<[^>]*>/g, ' ')
    .trim()
    .split(/\s*\n/)[0];
  return line === undefined || line === '' ? '' : `: ${JSON.stringify(line.slice(0, 200))}`;
}
