/** A profile: stacks of a pool's busy workers and how often each was seen. */

import type { StackFrame } from './frame.ts';
import { declaredFrames } from './frames.ts';
import type { Walk } from './walker.ts';

export interface ProfileOptions {
  readonly pool: string;
  readonly seconds: number;
  /** Samples a second of each busy worker. */
  readonly hertz: number;
}

/** Upper limits. The answer is sent at the end, and clients wait only so long. */
export const profileLimits = { seconds: 100, hertz: 1000 } as const;

/** A refused profile. */
export class ProfileRefused extends Error {
  /** The HTTP status of the answer. */
  readonly status: 404 | 409 | 501;

  constructor(status: ProfileRefused['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** A stack and its sample count. */
export interface ProfileStack {
  /** Outermost first; a frame's place is the declaration of its function, empty for PHP's own. */
  readonly frames: readonly StackFrame[];
  readonly samples: number;
}

export interface Profile extends ProfileOptions {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly stacks: readonly ProfileStack[];
  /** Number of stacks in total. */
  readonly samples: number;
  /** Of these, stacks whose innermost calls changed during the read and may be of different moments. */
  readonly unsteady: number;
  /** Reads of busy workers. Those that are neither samples nor dropped found no PHP code: a response being sent. */
  readonly looks: number;
  /** Reads without a stack, because it changed meanwhile. */
  readonly dropped: number;
  /** Reads left out to keep the master responsive. */
  readonly skipped: number;
  /** Time spent in reads, microseconds. */
  readonly lookMicros: number;
}

/** Different stacks in one profile; samples of further stacks count as dropped. */
const mostStacks = 50_000;
/** The same for their text: names and paths come from the application, up to 4096 bytes each. */
const mostCharacters = 16_000_000;

/**
 * Collects stacks. Functions are identified by class, name and place of declaration; the current line does not matter.
 */
export class ProfileCounts {
  readonly #stacks = new Map<string, { frames: readonly StackFrame[]; samples: number }>();
  /** Characters in the kept stacks. */
  #characters = 0;
  samples = 0;
  unsteady = 0;
  looks = 0;
  dropped = 0;
  skipped = 0;
  lookMicros = 0;

  /** @param walk undefined for a read without a stack */
  add(walk: Walk | undefined): void {
    this.looks += 1;
    if (walk === undefined) this.dropped += 1;
    else if (walk.calls.length > 0) this.#count(walk);
  }

  #count({ calls, isSteady }: Walk): void {
    const key = calls
      .map(({ scope, name, file, startLine }) => `${scope}\0${name}\0${file}:${startLine}`)
      .join('\n');
    const known = this.#stacks.get(key);
    if (known === undefined && !this.#hasRoom(key)) {
      this.dropped += 1;
      return;
    }
    this.samples += 1;
    if (!isSteady) this.unsteady += 1;
    if (known !== undefined) {
      known.samples += 1;
      return;
    }
    this.#characters += key.length;
    this.#stacks.set(key, { frames: declaredFrames(calls).toReversed(), samples: 1 });
  }

  #hasRoom(key: string): boolean {
    return this.#stacks.size < mostStacks && this.#characters + key.length <= mostCharacters;
  }

  /** Most frequent stack first. */
  get stacks(): ProfileStack[] {
    return [...this.#stacks.values()].sort((left, right) => right.samples - left.samples);
  }
}
