/**
 * The slow log entry of a request (fpm-behaviour 11.7): time, pool, worker, script. The PHP stack below it is
 * read from outside the worker where the engine allows that; where it does not, the entry says so.
 */

import { appendFileSync } from 'node:fs';
import type { ErrorLog } from '../log/error-log.ts';
import { timestamp } from '../log/line.ts';
import { wallClockMicroseconds } from '../posix/time.ts';
import type { Generation } from './generation.ts';

/** The file is opened for every entry, so that rotation needs nothing. */
export function writeSlowLog(generation: Generation, slot: number, pid: number, log: ErrorLog): void {
  const path = generation.pool.slowlog;
  const snapshot = generation.reader.readSlot(slot);
  if (path === undefined || snapshot === undefined) return;
  const script = snapshot.script.replace(/[^\x20-\x7e]/g, '.');
  const lines = [
    '',
    `${timestamp(wallClockMicroseconds(), log.level === 'debug')}  [pool ${generation.name}] pid ${pid}`,
    `script_filename = ${script}`,
    `request = "${plain(snapshot.method)} ${plain(snapshot.uri)}" memory_peak = ${snapshot.memoryPeak}`,
    '+++ no PHP stack: the embedded engine cannot be looked into while it runs',
    '',
  ];
  try {
    appendFileSync(path, lines.join('\n'), { mode: 0o600 });
  } catch (error) {
    log.sysError(`unable to open slowlog (${path})`, error);
  }
}

function plain(binary: string): string {
  return binary.replace(/[^\x20-\x7e]/g, '.');
}
