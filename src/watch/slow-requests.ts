/** Latest entries of all slow logs, for the admin endpoint. */

import type { SlowRequest } from '../figures/slow-request.ts';
import type { StackFrame } from '../trace/frame.ts';

/** Number of kept entries: at most about 10 MB, usually 100 KB. */
const kept = 100;
/** Maximum text of a kept stack: names and paths come from the application, up to 4096 bytes each. */
const stackCharacters = 65_536;

export class SlowRequests {
  #latest: SlowRequest[] = [];

  add(request: SlowRequest): void {
    const { stack } = request;
    const bounded = 'frames' in stack ? { ...request, stack: { frames: innermost(stack.frames) } } : request;
    this.#latest = [bounded, ...this.#latest].slice(0, kept);
  }

  /** Latest first. */
  list(): readonly SlowRequest[] {
    return this.#latest;
  }
}

/** As many calls as fit. */
function innermost(frames: readonly StackFrame[]): readonly StackFrame[] {
  let room = stackCharacters;
  const end = frames.findIndex(({ function: name, class: className = '', file }) => {
    room -= name.length + className.length + file.length;
    return room < 0;
  });
  return end < 0 ? frames : frames.slice(0, end);
}
