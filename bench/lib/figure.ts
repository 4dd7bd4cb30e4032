/** One line of the result: what was measured, on both servers, and what it was to be. */
import type { Interval, Sample } from './statistics.ts';

/** The target of a figure. */
export interface Target {
  /** The figure of Hathi itself, or its ratio to php-fpm. */
  readonly of: 'hathi' | 'ratio';
  readonly limit: 'at most' | 'at least';
  readonly value: number;
}

export interface Figure {
  readonly label: string;
  /** Unit of `hathi` and `phpFpm`; the ratio has none. */
  readonly unit: string;
  readonly hathi: Sample;
  /** Absent where php-fpm is not installed, or has nothing that could be compared. */
  readonly phpFpm?: Sample;
  /** Of Hathi's figure to php-fpm's, round by round. */
  readonly ratio?: Sample;
  /** Of the median ratio. */
  readonly interval?: Interval;
  readonly target?: Target;
  /** Background for judging the figure. */
  readonly note?: string;
}

/** A measurement of both servers in the same rounds. */
export type Comparison = Pick<Figure, 'hathi' | 'phpFpm' | 'ratio' | 'interval'>;

export type Verdict = 'reached' | 'missed';

/** Whether the target was reached; undefined without one, or without the php-fpm that it refers to. */
export function verdict({ hathi, ratio, target }: Figure): Verdict | undefined {
  const measured = target?.of === 'ratio' ? ratio : hathi;
  if (target === undefined || measured === undefined) return undefined;
  const { median } = measured;
  const holds = target.limit === 'at most' ? median <= target.value : median >= target.value;
  return holds ? 'reached' : 'missed';
}
