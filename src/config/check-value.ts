import type { Directive } from './directive.ts';
import type { Messages } from './messages.ts';

/** Applies a row's own check and prefixes its message with the pool. */
export function checkValue(
  row: Directive | undefined,
  value: unknown,
  messages: Messages,
  pool?: string,
): void {
  if (!row?.check || value === undefined) return;
  const problem = (row.check as (value: unknown) => string | undefined)(value);
  if (problem === undefined) return;
  messages.refuse(row.alert ? 'alert' : 'error', pool === undefined ? problem : `[pool ${pool}] ${problem}`);
}
