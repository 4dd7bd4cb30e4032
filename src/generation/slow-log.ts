/**
 * The slow log entry of a request (fpm-behaviour 11.7): time, pool, worker, script, and the PHP stack, read from
 * outside the worker without stopping or disturbing it.
 */

import type { SlowRequest } from '../figures/slow-request.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { timestamp } from '../log/line.ts';
import { wallClockMicroseconds } from '../posix/time.ts';
import { asBinary, bytesOf, encodeBinary } from '../text/binary.ts';
import { logLine, logWord } from '../text/log-line.ts';
import { callName } from '../trace/frames.ts';
import { referenceFrames } from '../trace/reference-frames.ts';
import type { Generation } from './generation.ts';
import { requestFacts, shownDepth } from './request-facts.ts';
import type { Look } from './worker-stacks.ts';

const newline = Buffer.from('\n');
/** php-fpm's words for a missing stack. */
const failed = '+++ dump failed';

/**
 * Writes the entry.
 *
 * @returns the request; undefined when it has already ended
 */
export function writeSlowLog(
  generation: Generation,
  slot: number,
  pid: number,
  log: ErrorLog,
): SlowRequest | undefined {
  // Monitoring expects this line of php-fpm, though here the worker runs on.
  if (generation.pool['slowlog.format'] === 'compat') log.notice(`child ${pid} stopped for tracing`);
  log.notice(`about to trace ${pid}`);
  const look = generation.stacks.look(slot, shownDepth);
  const request = requestFacts(generation, slot, pid, look);
  if (request === undefined) return undefined;
  if ('reason' in look) {
    log.warning(`[pool ${generation.name}] child ${pid}: no PHP stack in the slow log: ${look.reason}`);
  }
  generation.slowLog?.append(entry(generation, request, look, log.level === 'debug'));
  log.notice(`finished trace of ${pid}`);
  return request;
}

/** Lines of an entry are binary strings until they are written. */
function entry(generation: Generation, request: SlowRequest, look: Look, isDebug: boolean): Buffer {
  const { pool } = generation;
  const depth = pool.request_slowlog_trace_depth;
  const lines = [
    '',
    `${timestamp(wallClockMicroseconds(), isDebug)}  [pool ${encodeBinary(generation.name)}] pid ${request.pid}`,
    `script_filename = ${logWord(request.script)}`,
  ];
  if (pool['slowlog.format'] === 'detailed') lines.push(...detailed(request, depth));
  else lines.push(...('walk' in look ? referenceFrames(look.walk.calls, depth) : [failed]));
  // php-fpm writes names unescaped; here a name cannot start a line of its own.
  return Buffer.concat(lines.flatMap((line) => [logLine(bytesOf(asBinary(line))), newline]));
}

function detailed(slow: SlowRequest, depth: number): string[] {
  const { method, uri, requestId, durationMicros, memoryBytes, stack } = slow;
  const seconds = (durationMicros / 1e6).toFixed(6);
  const memory = memoryBytes === undefined ? '' : ` memory = ${memoryBytes}`;
  const id = requestId === '' ? '' : ` id = ${requestId}`;
  const request = `request = "${method} ${uri}" duration = ${seconds}${memory}${id}`;
  if ('reason' in stack) return [request, `${failed}: ${stack.reason}`];
  const frames = stack.frames.slice(0, depth);
  return [
    request,
    ...frames.map((frame) => encodeBinary(`${callName(frame)}() ${frame.file}:${frame.line}`)),
  ];
}
