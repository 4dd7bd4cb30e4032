/** Lines of the error log with `log_format = json`, one object each; stateless, without output. */

import { guardedJson, jsonDocument } from '../text/json.ts';
import { isoTime } from './iso-time.ts';
import type { Level } from './levels.ts';
import type { LineParts } from './line.ts';

/** A line of a worker's output. */
export interface WorkerLine {
  readonly level: Level;
  /** Microseconds since the epoch. */
  readonly time: number;
  readonly pool: string;
  readonly pid: number;
  readonly stream: 'stdout' | 'stderr';
  /** Undefined when the request that wrote the line is unknown. */
  readonly requestId: string | undefined;
  readonly text: Buffer;
  /** `decorate_workers_output`. */
  readonly decorate: boolean;
}

/** Messages about a pool start with its name; those about a process have its id after that. */
const subject = /^\[pool ([^\]]+)\] (?:(?:child|host) (\d+)\b)?/;

/** A message of the master or a host. A text over `limit` bytes is cut and ends in `...`. */
export function messageJson(parts: LineParts): Buffer {
  const { level, text, time, limit, location, failure, details, requestId } = parts;
  const message = cut(Buffer.from(text as Uint8Array), limit);
  const [, pool, pid] = subject.exec(message) ?? [];
  return Buffer.from(
    jsonDocument({
      time: isoTime(time),
      level,
      pool,
      pid: pid === undefined ? undefined : Number(pid),
      request_id: requestId,
      message,
      error: failure?.strerror,
      errno: failure?.errno,
      details,
      function: location?.function,
      line: location?.line,
    }),
  );
}

/**
 * A line of a worker's output. A JSON object stays an object: it becomes the value of `data`, or without decoration the
 * line itself.
 */
export function workerJson({ text, decorate, ...line }: WorkerLine): Buffer {
  const said = text.toString('utf8');
  const isObject = isJsonObject(said);
  if (isObject && !decorate) return Buffer.from(guardedJson(said));
  const { time, level, pool, pid, stream, requestId } = line;
  const head = jsonDocument({ time: isoTime(time), level, pool, pid, stream, request_id: requestId });
  const body = isObject ? `"data":${guardedJson(said)}` : `"message":${jsonDocument(said)}`;
  return Buffer.from(`${head.slice(0, -1)},${body}}`);
}

function isJsonObject(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function cut(bytes: Buffer, limit: number): string {
  return bytes.length <= limit ? bytes.toString('utf8') : `${bytes.toString('utf8', 0, limit - 3)}...`;
}
