/** Values of options that several commands have. */

/** A mistake in the command line, or in a file that it names: shown without a stack, exit code 64. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * The whole number of an option or variable.
 *
 * @throws UsageError that names the valid values
 */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`cannot use "${text}" for ${name}: give a whole number from ${least} to ${most}`);
}

/**
 * The value of `--php`.
 *
 * @param example - a version that the command can run
 * @throws UsageError unless it is a major and a minor number
 */
export function phpVersion(text: string, example: string): string {
  if (/^[0-9]{1,2}\.[0-9]{1,2}$/.test(text)) return text;
  throw new UsageError(`cannot use "${text}" for --php: give a version such as ${example}`);
}
