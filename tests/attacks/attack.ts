/**
 * Attacks of a bounded time upon a real master, for scripts/attack.ts: pool `www` is what the attacker has, pool `other`
 * is somebody else's, under another user and under load all the time.
 */
import type { TestFolder } from '../harness/folder.ts';
import type { EngineName, Server } from '../harness/server.ts';

export interface Target {
  readonly server: Server;
  /** Path of the admin endpoint's socket. */
  readonly admin: string;
  /** False when the time is over. */
  readonly goesOn: () => boolean;
}

export interface Attack {
  readonly what: string;
  readonly engine: EngineName;
  /** Further lines of pool `www`. */
  readonly pool?: (folder: TestFolder) => string;
  /** @returns what was sent and what was seen, by its name */
  readonly run: (target: Target) => Promise<Record<string, number | string>>;
}

/** Counts by name. */
export class Tally {
  readonly counts: Record<string, number> = {};

  add(name: string, count = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + count;
  }
}

/** One of them, by a random number below 1. */
export function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T;
}
