/** A worker's request with its PHP stack, at the time of the question. */

import { readFileSync } from 'node:fs';
import type { WorkerStack } from '../figures/slow-request.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { workerStages } from '../scoreboard/states.ts';
import type { Stack } from '../trace/frame.ts';
import { stackFrames } from '../trace/frames.ts';
import type { Generation } from './generation.ts';
import type { Look } from './worker-stacks.ts';

/** Deepest stack that is shown: an endless recursion has no end. */
export const shownDepth = 256;

/** @returns undefined when the slot is free */
export function workerStack(generation: Generation, slot: number, pid: number): WorkerStack | undefined {
  const look = generation.stacks.look(slot, shownDepth);
  return requestFacts(generation, slot, pid, look);
}

/** @param look at the stack, which the caller may need in another form as well */
export function requestFacts(
  generation: Generation,
  slot: number,
  pid: number,
  look: Look,
): WorkerStack | undefined {
  const snapshot = generation.reader.readSlot(slot);
  if (snapshot === undefined) return undefined;
  const { stage, script, method, path, query, requestId, acceptedClockMicros, durationMicros } = snapshot;
  const isNative = generation.engine === 'native';
  const isIdle = stage === 'idle' || stage === 'creating' || stage === 'booting';
  return {
    at: Date.now(),
    pool: generation.name,
    pid,
    state: stage === 'unknown' ? 'unknown' : workerStages[stage].label,
    script,
    method,
    uri: path,
    query,
    requestId,
    durationMicros: isIdle ? durationMicros : Math.max(0, monotonicMicros() - acceptedClockMicros),
    memoryBytes: isNative ? residentBytes(pid) : snapshot.memoryPeak || undefined,
    stack: stackOf(look),
  };
}

/** The current place of a booting application, as the end of a sentence; empty when unknown. */
export function bootPlace(generation: Generation, slot: number, pid: number): string {
  const look = generation.stacks.look(slot, shownDepth);
  if (pid === 0 || !('walk' in look)) return '';
  const [frame] = stackFrames(look.walk.calls);
  if (frame === undefined) return '';
  const name = frame.class === undefined ? frame.function : `${frame.class}::${frame.function}`;
  return `; it is in ${name} at ${frame.file}:${frame.line}`;
}

function stackOf(look: Look): Stack {
  return 'walk' in look ? { frames: stackFrames(look.walk.calls) } : look;
}

/** VmRSS of a process, proc(5); undefined once it has ended. */
function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
