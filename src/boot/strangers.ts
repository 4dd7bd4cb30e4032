/**
 * The first process of a container becomes the parent of what scripts leave behind (pid_namespaces(7)), and has to wait for it,
 * or a zombie stays for each. Node waits only for what it has started.
 */
import { type EndedChild, endedChildren, reapChild } from '../posix/children.ts';

/** A child of Node's own is gone after one round of its loop, ms. */
const patienceMs = 1000;

/** Functions of the system; tests replace them. */
export interface ChildSystem {
  readonly ended: () => readonly EndedChild[];
  readonly reap: (pid: number) => void;
  readonly later: (act: () => void, ms: number) => void;
}

const linux: ChildSystem = {
  ended: endedChildren,
  reap: reapChild,
  later: (act, ms) => setTimeout(act, ms).unref(),
};

export class Strangers {
  readonly #system: ChildSystem;
  /** Start times by pid. */
  #seen: ReadonlyMap<number, number> = new Map();
  #isArmed = false;

  constructor(system: ChildSystem = linux) {
    this.#system = system;
  }

  /** A child has ended. */
  childEnded(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#system.later(() => this.#look(), patienceMs);
  }

  /** One that is there at two looks is a stranger. */
  #look(): void {
    this.#isArmed = false;
    const left = new Map<number, number>();
    for (const { pid, startTicks } of this.#system.ended()) {
      if (this.#seen.get(pid) === startTicks) this.#system.reap(pid);
      else left.set(pid, startTicks);
    }
    this.#seen = left;
    if (left.size > 0) this.childEnded();
  }
}

/** Waits for strangers from now on, if this process gets any. */
export function adoptStrangers(): void {
  if (process.pid !== 1) return;
  const strangers = new Strangers();
  process.on('SIGCHLD', () => strangers.childEnded());
  // Those of the shell that has become this process.
  strangers.childEnded();
}
