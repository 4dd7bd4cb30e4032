/**
 * The slow log entry of a request (fpm-behaviour 11.7): time, pool, worker, script, and the PHP stack as it was read
 * from outside the worker, which is neither stopped nor disturbed.
 */

import type { SlowRequest } from '../admin/slow-request.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { timestamp } from '../log/line.ts';
import { wallClockMicroseconds } from '../posix/time.ts';
import { callName } from '../trace/frames.ts';
import { referenceFrames } from '../trace/reference-frames.ts';
import type { Generation } from './generation.ts';
import { requestFacts, shownDepth } from './request-facts.ts';
import type { Look } from './worker-stacks.ts';

/** What an entry shows when there is no stack: the reference's words. */
const failed = '+++ dump failed';

/**
 * Writes the entry.
 *
 * @returns the request; undefined when it is over already
 */
export function writeSlowLog(
  generation: Generation,
  slot: number,
  pid: number,
  log: ErrorLog,
): SlowRequest | undefined {
  // Monitoring knows this line of the reference, though here the worker runs on.
  if (generation.pool['slowlog.format'] === 'compat') log.notice(`child ${pid} stopped for tracing`);
  log.notice(`about to trace ${pid}`);
  const look = generation.stacks.look(slot, shownDepth);
  const request = requestFacts(generation, slot, pid, look);
  if (request === undefined) return undefined;
  if ('reason' in look) {
    log.warning(`[pool ${generation.name}] child ${pid}: no PHP stack in the slow log: ${look.reason}`);
  }
  const text = entry(generation, request, look, log.level === 'debug');
  generation.slowLog?.append(Buffer.from(text, 'latin1'));
  log.notice(`finished trace of ${pid}`);
  return request;
}

function entry(generation: Generation, request: SlowRequest, look: Look, isDebug: boolean): string {
  const { pool } = generation;
  const depth = pool.request_slowlog_trace_depth;
  const lines = [
    '',
    `${timestamp(wallClockMicroseconds(), isDebug)}  [pool ${binary(generation.name)}] pid ${request.pid}`,
    `script_filename = ${plain(request.script)}`,
  ];
  if (pool['slowlog.format'] === 'detailed') lines.push(...detailed(request, depth));
  else lines.push(...('walk' in look ? referenceFrames(look.walk.calls, depth).map(oneLine) : [failed]));
  return `${lines.join('\n')}\n`;
}

function detailed(slow: SlowRequest, depth: number): string[] {
  const { method, uri, requestId, durationMicros, memoryBytes, stack } = slow;
  const seconds = (durationMicros / 1e6).toFixed(6);
  const memory = memoryBytes === undefined ? '' : ` memory = ${memoryBytes}`;
  const id = requestId === '' ? '' : ` id = ${plain(requestId)}`;
  const request = `request = "${plain(method)} ${plain(uri)}" duration = ${seconds}${memory}${id}`;
  if ('reason' in stack) return [request, `${failed}: ${stack.reason}`];
  const frames = stack.frames.slice(0, depth);
  return [
    request,
    ...frames.map((frame) => binary(upright(`${callName(frame)}() ${frame.file}:${frame.line}`))),
  ];
}

/** Of a text without controls: what turns the reading direction, hides, or ends a line for some readers, as U+FFFD. */
function upright(text: string): string {
  return text.replace(/[\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

/** Text as a binary string. */
function binary(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The reference's rule for the script: one point for every byte that is not plain ASCII. */
function plain(binary: string): string {
  return binary.replace(/[^\x20-\x7e]/g, '.');
}

/** The reference writes names as they are; here none can begin a line of its own. */
function oneLine(binary: string): string {
  return binary.replace(/[\x00-\x1f\x7f]/g, '.');
}
