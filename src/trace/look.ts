/** Reads the stack until it is steady. A worker that waits is steady at once, a busy one soon. */

import { monotonicMicros } from '../scoreboard/clock.ts';
import type { Memory } from './memory.ts';
import type { StackWalker, Walk } from './walker.ts';

/** A look takes about 50 microseconds. */
const looks = 64;
/** A deep stack with long names takes milliseconds, and the master has other work. */
const longestMicros = 20_000;

/** @returns a steady walk, else the last whole one, else the last walk of any kind, else undefined */
export function lookAtStack(walker: StackWalker, memory: Memory, depth: number): Walk | undefined {
  let best: Walk | undefined;
  const end = monotonicMicros() + longestMicros;
  for (let look = 0; look < looks && (look === 0 || monotonicMicros() < end); look += 1) {
    const walk = walker.walk(memory, { depth, lines: true });
    if (walk?.isSteady) return walk;
    if (walk !== undefined && (walk.isWhole || best?.isWhole !== true)) best = walk;
  }
  return best;
}

/** The next sample comes soon, so only an incomplete stack is read again. */
const glances = 4;

/** One sample of a profile, without lines. */
export function glanceAtStack(walker: StackWalker, memory: Memory, depth: number): Walk | undefined {
  for (let glance = 0; glance < glances; glance += 1) {
    const walk = walker.walk(memory, { depth, lines: false });
    if (walk?.isWhole) return walk;
  }
  return undefined;
}
