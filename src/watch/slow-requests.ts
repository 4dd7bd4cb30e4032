/** Latest entries of all slow logs, for the admin endpoint. */

import type { SlowRequest } from '../figures/slow-request.ts';
import type { StackFrame } from '../trace/frame.ts';

/** Number of kept entries: at most about 10 MB, usually 100 KB. */
const kept = 100;
/** Maximum of what the next master gets, in characters of JSON; the oldest are left out. */
const longestSave = 1 << 20;
/** Maximum text of a kept stack: names and paths come from the application, up to 4096 bytes each. */
const stackCharacters = 65_536;

export class SlowRequests {
  #latest: SlowRequest[] = [];
  #isSaved = true;

  add(request: SlowRequest): void {
    const { stack } = request;
    const bounded = 'frames' in stack ? { ...request, stack: { frames: innermost(stack.frames) } } : request;
    this.#latest = [bounded, ...this.#latest].slice(0, kept);
    this.#isSaved = false;
  }

  /** For the next master; undefined where it has them already. */
  save(): string | undefined {
    if (this.#isSaved) return undefined;
    this.#isSaved = true;
    let room = longestSave;
    const texts = this.#latest.map((request) => JSON.stringify(request));
    const end = texts.findIndex((text) => {
      room -= text.length + 1;
      return room < 0;
    });
    return `[${texts.slice(0, end < 0 ? texts.length : end).join(',')}]`;
  }

  /**
   * Those of the last master, before any is added.
   *
   * @throws Error for a text of another form
   */
  restore(text: string): void {
    const saved: unknown = JSON.parse(text);
    if (!Array.isArray(saved) || !saved.every(isSlowRequest)) throw new Error('they are no slow requests');
    this.#latest = saved.slice(0, kept);
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

const texts = ['pool', 'script', 'method', 'uri', 'query', 'requestId'] as const;
const numbers = ['at', 'pid', 'durationMicros'] as const;

/** Whether a master of this version has written it: what is looked into has its form. */
function isSlowRequest(value: unknown): value is SlowRequest {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Partial<Record<keyof SlowRequest, unknown>>;
  const { stack } = fields;
  if (!texts.every((name) => typeof fields[name] === 'string')) return false;
  if (!numbers.every((name) => typeof fields[name] === 'number')) return false;
  if (typeof stack !== 'object' || stack === null) return false;
  return 'reason' in stack || ('frames' in stack && Array.isArray(stack.frames));
}
