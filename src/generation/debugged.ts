/** Detects processes held by a debugger: they do not answer, and must not be ended for that. */

import { statSync } from 'node:fs';
import { tracerOf } from '../posix/process-stat.ts';

/** By a debugger of a privileged user only: a pool's user must not be able to hold its own host this way. */
export function isDebugged(pid: number): boolean {
  const tracer = tracerOf(pid);
  if (tracer === 0) return false;
  try {
    return statSync(`/proc/${tracer}`).uid === process.geteuid?.();
  } catch {
    return false;
  }
}
