/** Medians, quantiles and spread of a few repeated measurements. */

/** Results of several rounds of one measurement. All values are in the unit of the measurement. */
export interface Sample {
  readonly median: number;
  /** Half the distance between the quartiles in per cent of the median: how far rounds differ. */
  readonly spread: number;
  readonly lowest: number;
  readonly highest: number;
  readonly rounds: number;
}

/**
 * The value below which a share of the values lies, interpolated between neighbours.
 *
 * @param share - 0 for the lowest, 0.5 for the median, 1 for the highest
 * @throws RangeError without any value
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) {
    throw new RangeError('cannot take a quantile of no values: a measurement has to give at least one');
  }
  // Ratios to a server that served nothing are infinite.
  return below === above ? below : below + (above - below) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @throws RangeError without any value */
export function summarize(values: readonly number[]): Sample {
  const middle = median(values);
  const halfRange = (quantile(values, 0.75) - quantile(values, 0.25)) / 2;
  return {
    median: middle,
    spread: middle === 0 ? 0 : (halfRange / Math.abs(middle)) * 100,
    lowest: Math.min(...values),
    highest: Math.max(...values),
    rounds: values.length,
  };
}

/** Two ends between which a value lies with a probability of 95 %. */
export type Interval = readonly [low: number, high: number];

const resamples = 2000;
const leastValues = 4;

/**
 * The interval of the median, by bootstrap: values are drawn again with replacement, first the groups (restarts of the
 * servers), then the rounds of each. Undefined for few values.
 */
export function medianInterval(groups: readonly (readonly number[])[]): Interval | undefined {
  if (groups.flat().length < leastValues) return undefined;
  const draw = seededDraw();
  const medians = Array.from({ length: resamples }, () =>
    median(draw(groups).flatMap((group) => draw(group))),
  );
  return [quantile(medians, 0.025), quantile(medians, 0.975)];
}

/** Draws as many items as there are, with replacement; the same results give the same interval (mulberry32). */
function seededDraw(): <T>(items: readonly T[]) => T[] {
  let state = 1;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return (items) => items.map(() => items[Math.floor(random() * items.length)] ?? items[0]!);
}
