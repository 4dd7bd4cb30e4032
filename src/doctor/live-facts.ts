/** What a running master says. */

import type { OpcacheFigures } from '../scoreboard/opcache-figures.ts';

export interface LivePool {
  readonly name: string;
  readonly phpVersion: string | undefined;
  readonly processManager: string;
  readonly maxChildren: number;
  readonly maxActive: number;
  readonly maxQueue: number;
  readonly maxChildrenReached: number;
  readonly requestsPerSecond: number;
  readonly accepted: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number | undefined;
  readonly opcache: OpcacheFigures | undefined;
  /** Busy workers whose stack was looked at, and those of them that waited for a session. */
  readonly stacks: number;
  readonly waitingForSession: number;
}

export interface LiveFacts {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly pools: readonly LivePool[];
}
