/** A process that a debugger holds does not answer, and is not to be ended for that. */

import { statSync } from 'node:fs';
import { tracerOf } from '../posix/process-stat.ts';

/** By somebody who may do with a host what he likes: a pool's user must not hold his own in this way. */
export function isDebugged(pid: number): boolean {
  const tracer = tracerOf(pid);
  if (tracer === 0) return false;
  try {
    return statSync(`/proc/${tracer}`).uid === process.geteuid?.();
  } catch {
    return false;
  }
}
