/** A profile: how often which stack was seen in a pool's busy workers. */

import type { StackFrame } from './frame.ts';
import { declaredFrames } from './frames.ts';
import type { Walk } from './walker.ts';

export interface ProfileOptions {
  readonly pool: string;
  readonly seconds: number;
  /** Looks at each busy worker a second. */
  readonly hertz: number;
}

/** Bounds of what may be asked for; the answer is held back for as long as it takes, and a client waits so long at most. */
export const profileLimits = { seconds: 100, hertz: 1000 } as const;

/** Why a profile was not made. */
export class ProfileRefused extends Error {
  /** The HTTP status that says it. */
  readonly status: 404 | 409 | 501;

  constructor(status: ProfileRefused['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** A stack and how often it was seen. */
export interface ProfileStack {
  /** Outermost first; a frame's place is where its function is declared, empty for PHP's own. */
  readonly frames: readonly StackFrame[];
  readonly samples: number;
}

export interface Profile extends ProfileOptions {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly stacks: readonly ProfileStack[];
  /** Stacks that were seen, all together. */
  readonly samples: number;
  /** Of these, stacks whose innermost calls changed while they were read, and may be of different moments. */
  readonly unsteady: number;
  /** Looks at busy workers. Those that are no samples and were not dropped found no PHP code: a response on its way. */
  readonly looks: number;
  /** Looks that saw no stack, because it moved meanwhile. */
  readonly dropped: number;
  /** Looks that were left out so that the master is not held up. */
  readonly skipped: number;
  /** Time that the looks took, microseconds. */
  readonly lookMicros: number;
}

/** Different stacks in one profile: what comes beyond is counted as dropped. */
const mostStacks = 50_000;
/** The same for their text: names and paths are the application's, and each may have 4096 bytes. */
const mostCharacters = 16_000_000;

/** Collects stacks. Functions are told apart by class, name and place, not by the line where they are. */
export class ProfileCounts {
  readonly #stacks = new Map<string, { frames: readonly StackFrame[]; samples: number }>();
  /** Of the stacks that are kept. */
  #characters = 0;
  samples = 0;
  unsteady = 0;
  looks = 0;
  dropped = 0;
  skipped = 0;
  lookMicros = 0;

  /** @param walk undefined for a look that saw nothing */
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

  /** The stack that was seen most comes first. */
  get stacks(): ProfileStack[] {
    return [...this.#stacks.values()].sort((left, right) => right.samples - left.samples);
  }
}
