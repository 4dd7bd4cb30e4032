/** Load over HTTP by wrk(1), which takes less of the processors than any client in Node. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { requires } from '../../tests/harness/debian.ts';
import { TestFolder } from '../../tests/harness/folder.ts';

/** Results of one run. Latencies are in milliseconds. */
export interface WebRate {
  readonly count: number;
  readonly perSecond: number;
  readonly median: number;
  readonly p99: number;
}

export interface WebLoad {
  readonly url: string;
  /** Connections to the web server, each with its next request when the last one was answered. */
  readonly connections: number;
  /** Rounded to whole seconds, the least that wrk knows. */
  readonly seconds: number;
  /** Bytes of a POST body; a GET without. */
  readonly body?: number;
  /**
   * Whether no answer at all is a result: rate 0, and the duration of the run as latency. Idle kept connections of
   * nginx can hold each worker of php-fpm.
   */
  readonly mayStarve?: boolean;
}

/** Why there is no load over HTTP on this machine; undefined when there can be. */
export function withoutWebLoad(): string | undefined {
  return requires('wrk', 'nginx') || undefined;
}

/** wrk's own summary is for people; this one is for us. Durations are in microseconds there. */
function script(body: number | undefined): string {
  const request =
    body === undefined
      ? ''
      : `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("x", ${body})
`;
  return `${request}function done(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format('\\nRESULT {"count":%d,"micros":%d,"failed":%d,"median":%g,"p99":%g}\\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
`;
}

/**
 * Runs wrk with one thread.
 *
 * @throws Error when a request failed or was not answered with a status below 400
 */
export async function sendWebLoad({
  url,
  connections,
  seconds,
  body,
  mayStarve = false,
}: WebLoad): Promise<WebRate> {
  using folder = new TestFolder('hathi-wrk-');
  const file = folder.write('report.lua', script(body));
  const duration = Math.max(1, Math.round(seconds));
  const args = ['-t', '1', '-c', String(connections), '-d', `${duration}s`, '--latency', '-s', file, url];
  const { stdout } = await promisify(execFile)('/usr/bin/wrk', args);
  const found = /^RESULT (.*)$/m.exec(stdout)?.[1];
  if (found === undefined) throw new Error(`wrk said nothing that is understood:\n${stdout}`);
  const { count, micros, failed, median, p99 } = JSON.parse(found) as Record<string, number> as {
    count: number;
    micros: number;
    failed: number;
    median: number;
    p99: number;
  };
  if (count === 0 && mayStarve) return { count, perSecond: 0, median: micros / 1000, p99: micros / 1000 };
  if (failed > 0 || count === 0) throw new Error(`${failed} of ${count} requests failed:\n${stdout}`);
  return { count, perSecond: count / (micros / 1e6), median: median / 1000, p99: p99 / 1000 };
}
